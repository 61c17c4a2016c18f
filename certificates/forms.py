"""Forms of the admin for certificates: what a person fills in, as the services want it."""

from dataclasses import replace
from typing import Any

from django import forms

from certificates.choices import ChallengeType
from certificates.models import Certificate
from certificates.services import CertificateRequest, create_certificate, update_certificate
from certificates.services.signable import DEFAULT_PROFILE
from certmate.pki.keys import KeyType, label
from certmate.ui.forms import (
    NamesField,
    ObjectForm,
    ServiceForm,
    TagsField,
    team_field,
    team_name,
)
from providers.models import Authority, CAAccount, DNSAccount, Profile
from providers.services.profiles import LONGEST_DAYS
from storage.models import StorageTarget

RENEWAL_HELP = "Empty: when the CA suggests, else with a third of the lifetime left."


class WantedForm(ServiceForm):
    """What is asked of the CA or authority; the same for a new certificate and a reissue."""

    names = NamesField(
        label="Domain names",
        help_text="One a line or with commas, the primary name first: "
        "example.com, *.example.com, an IP address where the CA takes them. "
        "Internal names from a private authority only.",
    )
    ca = forms.ModelChoiceField(
        CAAccount.objects.none(),
        label="CA account",
        required=False,
        empty_label="None: a private authority",
    )
    authority = forms.ModelChoiceField(
        Authority.objects.none(),
        label="Private authority",
        required=False,
        empty_label="None: a CA",
        help_text="One of CertMate's own. Choose it or a CA account, not both.",
    )
    profile = forms.ModelChoiceField(
        Profile.objects.none(),
        required=False,
        empty_label="server",
        help_text="What a private authority certifies.",
    )
    validity_days = forms.IntegerField(
        label="Validity in days",
        required=False,
        min_value=1,
        max_value=LONGEST_DAYS,
        help_text="From a private authority. Empty: as the profile says.",
    )
    ca_profile = forms.CharField(
        label="Profile at the CA",
        required=False,
        max_length=64,
        help_text="One that the CA offers, such as shortlived. Empty: as the CA account says.",
    )
    challenge_type = forms.ChoiceField(
        label="Proof of control",
        choices=ChallengeType.choices,
        required=False,
        initial=ChallengeType.DNS_01,
        help_text="For a CA. Wildcards need DNS-01, IP addresses HTTP-01.",
    )
    dns = forms.ModelChoiceField(
        DNSAccount.objects.none(),
        label="DNS account",
        required=False,
        empty_label="By zone: for each name the account whose zone matches",
    )
    key_type = forms.ChoiceField(
        label="Key type",
        choices=[(key_type.value, label(key_type)) for key_type in KeyType],
        initial=KeyType.EC256.value,
        help_text="CAs take RSA, P-256 and P-384; an authority what its profile says.",
    )
    csr = forms.CharField(
        label="CSR of your own (PEM)",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "code", "spellcheck": "false"}),
        help_text="Leave empty, and CertMate makes the key. With a CSR no private key exists here.",
    )

    renamed = {
        "domain": "names",
        "san_domains": "names",
        "ca_provider": "ca",
        "dns_provider": "dns",
        "account_id": "dns",
        "storage_name": "storage",
    }
    present_profile = DEFAULT_PROFILE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("ca", CAAccount)
        self.offer("authority", Authority)
        self.offer("profile", Profile)
        self.offer("dns", DNSAccount)

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if "ca" in data and "authority" in data and bool(data["ca"]) == bool(data["authority"]):
            told = "Choose a CA account or a private authority, not both." if data["ca"] else ""
            self.add_error("ca", told or self.fields["ca"].error_messages["required"])
        return data

    def wanted(self) -> CertificateRequest:
        """The request that the services take. What is for the other kind of issuer is left out:
        its fields are always there.
        """
        data = self.cleaned_data
        names = data["names"]
        common = CertificateRequest(
            domain=names[0] if names else "",
            san_domains=names[1:],
            key_type=data["key_type"],
            csr=data["csr"].strip(),
        )
        if data["authority"]:
            return replace(
                common,
                authority=data["authority"].name,
                profile=data["profile"].name if data["profile"] else self.present_profile,
                validity_days=data["validity_days"],
            )
        # The service has one field for both.
        self.renamed = {**self.renamed, "profile": "ca_profile"}  # type: ignore[misc]
        return replace(
            common,
            ca=data["ca"].name,
            profile=data["ca_profile"],
            dns=data["dns"].name if data["dns"] else "",
            challenge_type=data["challenge_type"] or ChallengeType.DNS_01,
        )


class NewCertificateForm(WantedForm):
    """A certificate to take up."""

    submit_label = "Issue certificate"
    name = forms.CharField(
        label="Name in CertMate",
        required=False,
        max_length=200,
        help_text="How it is called here and in storage. Empty: the primary name.",
    )
    storage = forms.ModelChoiceField(
        StorageTarget.objects.none(), required=False, empty_label="The default storage target"
    )
    auto_renew = forms.BooleanField(label="Renew automatically", required=False, initial=True)
    renewal_days = forms.IntegerField(
        label="Renew this many days before expiry",
        required=False,
        min_value=1,
        max_value=365,
        help_text=RENEWAL_HELP,
    )
    tags = TagsField(required=False, help_text="With commas between them.")
    team = team_field()

    fieldsets = (
        ("Names", "What the certificate is for.", ("names", "name")),
        (
            "From a CA",
            "An account at a public CA, and how CertMate shows that the names are yours.",
            ("ca", "ca_profile", "challenge_type", "dns"),
        ),
        (
            "Or from a private authority",
            "One of CertMate's own, which asks for no proof.",
            ("authority", "profile", "validity_days"),
        ),
        ("Key", "", ("key_type", "csr")),
        ("Keeping", "", ("team", "storage", "auto_renew", "renewal_days", "tags")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("storage", StorageTarget)
        accounts = list(self.usable(CAAccount.objects.all())[:2])
        default = [account for account in accounts if account.is_default or len(accounts) == 1]
        if default:
            self.fields["ca"].initial = default[0].pk

    def carry_out(self) -> Any:
        data = self.cleaned_data
        return create_certificate(
            actor=self.actor,
            request=self.wanted(),
            name=data["name"],
            storage_name=data["storage"].name if data["storage"] else "",
            auto_renew=data["auto_renew"],
            renewal_days=data["renewal_days"],
            tags=data["tags"],
            team=team_name(data) or "",
        )


class CertificateSettingsForm(ObjectForm[Certificate]):
    """How a certificate is kept; what it is changes by reissue."""

    auto_renew = forms.BooleanField(label="Renew automatically", required=False)
    renewal_days = forms.IntegerField(
        label="Renew this many days before expiry",
        required=False,
        min_value=1,
        max_value=365,
        help_text=RENEWAL_HELP,
    )
    tags = TagsField(required=False, help_text="With commas between them.")
    team = team_field()
    fieldsets = (("Settings", "", ("team", "auto_renew", "renewal_days", "tags")),)

    def __init__(self, *args: Any, obj: Certificate, **kwargs: Any) -> None:
        names = ("auto_renew", "renewal_days", "tags", "team")
        initial = {name: getattr(obj, name) for name in names}
        super().__init__(*args, obj=obj, initial=initial, **kwargs)

    def carry_out(self) -> Certificate:
        data = {**self.cleaned_data, "team": team_name(self.cleaned_data)}
        return update_certificate(actor=self.actor, certificate=self.obj, **data)
