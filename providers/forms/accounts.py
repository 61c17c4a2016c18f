"""Forms of the admin for accounts; their fields follow from the catalogue's entry."""

from collections.abc import Sequence
from typing import Any

from django import forms

from certmate.ui.forms import NamesField, ObjectForm, ServiceForm, team_field, team_name
from certmate.ui.parameters import ParameterFields, SecretInput
from providers.acme.catalogue import CAProvider
from providers.dns.provider import DNSProvider
from providers.models import CAAccount, DNSAccount
from providers.services import (
    create_ca_account,
    create_dns_account,
    update_ca_account,
    update_dns_account,
)

NAME_HELP = "How it is called here: lower-case letters, digits, dots, dashes and underscores."


_CA_FIELDS = ("name", "directory_url", "email", "profile", "orders_per_hour", "team", "is_default")


class CAFields(ServiceForm):
    """The fields that an account at this CA has."""

    directory_url = forms.URLField(
        label="ACME directory URL",
        assume_scheme="https",
        help_text="Such as https://ca.example.com/acme/directory.",
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )
    email = forms.EmailField(
        label="Contact e-mail",
        required=False,
        help_text="Where the CA writes to about the account. Many CAs do not need one.",
    )
    profile = forms.CharField(
        required=False,
        max_length=64,
        help_text="The CA's kind of certificate, unless one names another. Empty: the CA chooses.",
    )
    eab_kid = forms.CharField(label="EAB key id", required=False)
    eab_hmac_key = forms.CharField(
        label="EAB HMAC key", required=False, widget=SecretInput(), help_text="As the CA shows it."
    )
    trust_bundle = forms.CharField(
        label="Extra trusted CA certificates (PEM)",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "code", "spellcheck": "false"}),
        help_text="The root of a private CA, in addition to what this machine trusts.",
    )
    orders_per_hour = forms.IntegerField(
        label="New orders an hour",
        required=False,
        min_value=1,
        max_value=100_000,
        help_text="At most so many; the most urgent first. Empty: as the CA's limits are known.",
    )
    is_default = forms.BooleanField(
        label="Use it where a certificate names no CA account", required=False
    )
    team = team_field()

    def shape(self, entry: CAProvider, profiles: Sequence[str]) -> None:
        """Drop the fields that an account at this CA does not have, and offer its profiles."""
        if profiles:
            self.fields["profile"] = forms.ChoiceField(
                choices=[("", "The CA's choice"), *((name, name) for name in profiles)],
                required=False,
                help_text=self.fields["profile"].help_text,
            )
        if entry.directory_url:
            del self.fields["trust_bundle"]
            if entry.directory_hosts:
                self.fields["directory_url"].initial = entry.directory_url
            else:
                del self.fields["directory_url"]
        if entry.eab == "none":
            for name in ("eab_kid", "eab_hmac_key"):
                del self.fields[name]

    fieldsets = (
        ("Account", "", _CA_FIELDS),
        (
            "External account binding",
            "Only if the CA asks for it: it ties the ACME account to your account there.",
            ("eab_kid", "eab_hmac_key"),
        ),
        ("Trust", "", ("trust_bundle",)),
    )


class NewCAAccountForm(CAFields):
    name = forms.CharField(max_length=100, help_text=NAME_HELP)

    def __init__(self, *args: Any, entry: CAProvider, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entry = entry
        self.shape(entry, CAAccount(provider=entry.slug).known_profiles)
        self.fields["name"].initial = (
            "" if CAAccount.objects.filter(name=entry.slug) else entry.slug
        )
        self.fields["is_default"].initial = not CAAccount.objects.exists()

    def carry_out(self) -> CAAccount:
        data = {**self.cleaned_data, "team": team_name(self.cleaned_data)}
        return create_ca_account(actor=self.actor, provider=self.entry.slug, **data)


class CASettingsForm(CAFields, ObjectForm[CAAccount]):
    def __init__(self, *args: Any, obj: CAAccount, **kwargs: Any) -> None:
        names = (*_CA_FIELDS[1:], "trust_bundle")
        initial = {name: getattr(obj, name) for name in names}
        initial["eab_kid"] = obj.eab.get("kid", "")
        super().__init__(*args, obj=obj, initial=initial, **kwargs)
        self.shape(obj.catalogue_entry, obj.known_profiles)
        if "eab_hmac_key" in self.fields:
            self.fields["eab_hmac_key"].widget = SecretInput(stored=bool(obj.eab.get("hmac_key")))
        if obj.account_uri and "directory_url" in self.fields:
            # Another directory is another account.
            del self.fields["directory_url"]

    def carry_out(self) -> CAAccount:
        data = {**self.cleaned_data, "team": team_name(self.cleaned_data)}
        data["eab_hmac_key"] = data.get("eab_hmac_key") or None
        return update_ca_account(actor=self.actor, account=self.obj, **data)


_DNS_FIELDS = ("name", "zones", "delegated_zones", "propagation_seconds", "team", "is_default")


class DNSFields(ServiceForm):
    """The fields of an account at a DNS provider; its credentials follow from `parameters`."""

    zones = NamesField(
        required=False,
        help_text="The zones that these credentials can write, one a line. A certificate that "
        "names no DNS account takes for each name the account whose zone matches it longest.",
    )
    delegated_zones = NamesField(
        required=False,
        help_text="Zones elsewhere whose _acme-challenge names are CNAMEs into the zones above, "
        "one a line. These credentials need no right to them.",
    )
    propagation_seconds = forms.IntegerField(
        label="Propagation seconds",
        required=False,
        min_value=0,
        max_value=3600,
        help_text="How long to wait at most until the zone's name servers agree; they are asked "
        "meanwhile. Empty: as usual for the provider.",
    )
    is_default = forms.BooleanField(
        label="Use it where a certificate names only the provider", required=False
    )
    team = team_field()

    def add_parameters(self, parameters: ParameterFields) -> None:
        self.parameters = parameters
        self.fields.update(parameters.fields())
        self.fieldsets = (  # type: ignore[misc]
            ("Account", "", _DNS_FIELDS),
            ("Credentials", "Stored encrypted and never shown again.", parameters.names),
        )

    def submitted(self) -> dict[str, Any]:
        """The arguments that both services take."""
        names = ("zones", "delegated_zones", "propagation_seconds", "is_default")
        data: dict[str, Any] = {name: self.cleaned_data[name] for name in names}
        data["team"] = team_name(self.cleaned_data)
        return data | {"credentials": self.parameters.values(self.cleaned_data)}


class NewDNSAccountForm(DNSFields):
    name = forms.CharField(max_length=100, help_text=NAME_HELP)

    def __init__(self, *args: Any, entry: DNSProvider, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entry = entry
        self.add_parameters(ParameterFields(entry.parameters, "credentials"))
        taken = DNSAccount.objects.filter(name=entry.slug).exists()
        self.fields["name"].initial = "" if taken else entry.slug

    def carry_out(self) -> DNSAccount:
        return create_dns_account(
            actor=self.actor,
            name=self.cleaned_data["name"],
            provider=self.entry.slug,
            **self.submitted(),
        )


class DNSSettingsForm(DNSFields, ObjectForm[DNSAccount]):
    def __init__(self, *args: Any, obj: DNSAccount, **kwargs: Any) -> None:
        names = _DNS_FIELDS[1:]
        initial = {name: getattr(obj, name) for name in names}
        super().__init__(*args, obj=obj, initial=initial, **kwargs)
        parameters = obj.catalogue_entry.parameters
        self.add_parameters(ParameterFields(parameters, "credentials", obj.credentials))

    def carry_out(self) -> DNSAccount:
        return update_dns_account(actor=self.actor, account=self.obj, **self.submitted())
