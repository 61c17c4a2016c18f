"""Forms of the admin for private authorities."""

from collections.abc import Mapping
from typing import Any

from django import forms

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.pki.constraints import KINDS, SIDES
from certmate.pki.keys import KeyType, label
from certmate.ui.forms import NamesField, ObjectForm, ServiceForm, team_field, team_name
from providers.authority.custody import CUSTODIES
from providers.choices import AuthorityKind
from providers.forms.accounts import NAME_HELP
from providers.models import Authority
from providers.services import create_authority, import_authority, update_authority
from providers.services.authorities.creating import LONGEST_DAYS
from providers.services.authorities.keeping import (
    LONGEST_CRL_HOURS,
    LONGEST_OCSP_HOURS,
    MOST_SHARDS,
)

_PUBLISHING = ("crl_hours", "delta_crl_hours", "ocsp_hours")
_SUBJECT = {"CN": "common_name", "O": "organisation", "OU": "unit", "C": "country"}

PEM_AREA = forms.Textarea(attrs={"rows": 6, "class": "code", "spellcheck": "false"})


def passphrase_field(label_: str, help_text: str = "") -> forms.CharField:
    """A passphrase, which is sent back to nobody."""
    return forms.CharField(
        label=label_,
        required=False,
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=help_text,
    )


def name_field() -> forms.CharField:
    return forms.CharField(
        label="Name", max_length=100, help_text=f"{NAME_HELP} It stands in its addresses."
    )


def _names(label_: str, help_text: str = "") -> NamesField:
    attrs = {"rows": 2, "spellcheck": "false", "autocapitalize": "off"}
    return NamesField(
        label=label_, required=False, widget=forms.Textarea(attrs=attrs), help_text=help_text
    )


def _delta_crl_hours(initial: int | None = None) -> forms.IntegerField:
    return forms.IntegerField(
        label="Validity of a delta CRL in hours",
        initial=initial,
        min_value=0,
        max_value=LONGEST_CRL_HOURS,
        help_text="0 makes none. A key that needs a passphrase never has any.",
    )


class CAFields(ServiceForm):
    """What is said of every CA that is made here."""

    common_name = forms.CharField(
        label="Common name", help_text="Such as Example Root CA 2026. It never changes."
    )
    organisation = forms.CharField(label="Organisation", required=False)
    unit = forms.CharField(label="Organisational unit", required=False)
    country = forms.CharField(label="Country", required=False, help_text="Two letters.")
    key_type = forms.ChoiceField(
        label="Key type",
        choices=[(key_type.value, label(key_type)) for key_type in KeyType],
        initial=KeyType.EC384.value,
    )
    custody = forms.ChoiceField(
        label="Where the key is kept",
        choices=[(custody.slug, custody.label) for custody in CUSTODIES.values()],
        help_text=" ".join(f"{custody.label}: {custody.help}" for custody in CUSTODIES.values()),
    )
    passphrase = passphrase_field(
        "Passphrase of the new key", "For the custody of that name. CertMate does not keep it."
    )
    passphrase_again = passphrase_field("Passphrase again")
    validity_days = forms.IntegerField(
        label="Validity in days", required=False, min_value=1, max_value=LONGEST_DAYS
    )
    path_length = forms.IntegerField(
        label="Path length",
        required=False,
        min_value=0,
        max_value=100,
        help_text="How many CAs may follow below it. Empty: any number below a root, none below an "
        "intermediate.",
    )
    permitted_dns = _names("Permitted DNS names", "example.com is for all names below as well.")
    permitted_ip = _names("Permitted networks", "Such as 192.0.2.0/24.")
    permitted_email = _names("Permitted e-mail addresses", "A host, or .example.com, or one.")
    permitted_uri = _names("Permitted hosts of URIs", "A host, or .example.com.")
    excluded_dns = _names("Forbidden DNS names")
    excluded_ip = _names("Forbidden networks")
    excluded_email = _names("Forbidden e-mail addresses")
    excluded_uri = _names("Forbidden hosts of URIs")
    crl_hours = forms.IntegerField(
        label="Validity of a CRL in hours",
        initial=7 * 24,
        min_value=1,
        max_value=LONGEST_CRL_HOURS,
        help_text="A new one is made at half of it, by itself if the key needs no passphrase.",
    )
    delta_crl_hours = _delta_crl_hours(initial=24)
    ocsp_hours = forms.IntegerField(
        label="Validity of an OCSP answer in hours",
        initial=96,
        min_value=0,
        max_value=LONGEST_OCSP_HOURS,
        help_text="A new one is made at half of it. 0: no OCSP; there is none either for a key "
        "that needs a passphrase.",
    )
    is_default = forms.BooleanField(
        label="Use it where a certificate names no authority", required=False
    )
    team = team_field()

    renamed = {f"subject.{name}": field for name, field in _SUBJECT.items()} | {
        "subject": "common_name"
    }
    constraint_names = tuple(f"{side}_{kind}" for side in SIDES for kind in KINDS)
    key_fieldset = ("Key", "", ("key_type", "custody", "passphrase", "passphrase_again"))
    subject_fieldset = ("Subject", "", tuple(_SUBJECT.values()))
    limits_fieldsets = (
        ("Limits", "", ("validity_days", "path_length")),
        (
            "Name constraints",
            "Verifiers refuse certificates of this CA for any other names. Empty: no limit.",
            constraint_names,
        ),
        ("Keeping", "", (*_PUBLISHING, "team", "is_default")),
    )

    def clean(self) -> dict[str, Any]:
        return _same_twice(self)

    def values(self) -> dict[str, Any]:
        """What both services take of it."""
        data = dict(self.cleaned_data)
        subject = {name: data.pop(field) for name, field in _SUBJECT.items()}
        limits: dict[str, dict[str, list[str]]] = {}
        for name in self.constraint_names:
            side, _, kind = name.partition("_")
            limits.setdefault(side, {})[kind] = data.pop(name)
        data["subject"] = {name: value for name, value in subject.items() if value}
        data["name_constraints"] = limits
        data["team"] = team_name(data) or ""
        return data


class NewAuthorityForm(CAFields):
    """A root or an intermediate."""

    submit_label = "Make authority"
    name = name_field()
    kind = forms.ChoiceField(
        choices=AuthorityKind.choices,
        help_text="A root signs itself, and clients have to be told to trust it. An intermediate "
        "is signed by a CA above it and does the daily work, so that the root's key can be away.",
    )
    parent = forms.ModelChoiceField(
        Authority.objects.none(),
        label="Signed by",
        required=False,
        empty_label="itself (a root), or an outside CA that is given a CSR (an intermediate)",
    )
    parent_passphrase = passphrase_field(
        "Passphrase of the key that signs", "If the authority above has one."
    )

    fieldsets = (
        ("Authority", "", ("name", "kind", "parent", "parent_passphrase")),
        CAFields.subject_fieldset,
        CAFields.key_fieldset,
        *CAFields.limits_fieldsets,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("parent", Authority)

    def usable(self, queryset: Any) -> Any:
        verb = Verb.SIGN if queryset.model is Authority else Verb.VIEW
        return policy.visible(self.actor, queryset, verb)

    def carry_out(self) -> Authority:
        data = self.values()
        parent = data.pop("parent")
        return create_authority(actor=self.actor, parent=parent.name if parent else "", **data)


class SecretArea(forms.Textarea):
    """A box whose text is sent back to nobody: after an error it is pasted again."""

    def format_value(self, value: Any) -> None:
        return None


class ImportAuthorityForm(ServiceForm):
    """A CA that was made elsewhere, with its key."""

    submit_label = "Import authority"
    name = name_field()
    certificate = forms.CharField(label="Certificate (PEM)", strip=False, widget=PEM_AREA)
    chain = forms.CharField(
        label="Chain (PEM)",
        required=False,
        strip=False,
        widget=PEM_AREA,
        help_text="The CA that signed it first, its root last. Empty for a root.",
    )
    private_key = forms.CharField(
        label="Private key (PEM)", strip=False, widget=SecretArea(attrs=PEM_AREA.attrs)
    )
    key_password = passphrase_field("Password of that key", "If it is encrypted.")
    custody = forms.ChoiceField(
        label="Where the key is kept",
        choices=[(one.slug, one.label) for one in CUSTODIES.values() if one.adopt is not None],
    )
    passphrase = passphrase_field("Passphrase from now on", "For the custody of that name.")
    passphrase_again = passphrase_field("Passphrase again")
    is_default = forms.BooleanField(
        label="Use it where a certificate names no authority", required=False
    )
    team = team_field()

    fieldsets = (
        (
            "Authority",
            "What it has signed before is not in the ledger.",
            ("name", "certificate", "chain", "private_key", "key_password"),
        ),
        ("Key", "", ("custody", "passphrase", "passphrase_again")),
        ("Keeping", "", ("team", "is_default")),
    )

    def clean(self) -> dict[str, Any]:
        return _same_twice(self)

    def carry_out(self) -> Authority:
        data = {**self.cleaned_data, "team": team_name(self.cleaned_data) or ""}
        return import_authority(actor=self.actor, **data)


def _same_twice(form: forms.Form) -> dict[str, Any]:
    """The cleaned data without the repetition, which has to be the same."""
    data = form.cleaned_data
    if data.get("passphrase") != data.pop("passphrase_again", ""):
        form.add_error("passphrase_again", "The two passphrases are not the same.")
    return data


class AuthoritySettingsForm(ObjectForm[Authority]):
    """What may be changed of it: name, subject and keys are in what it has signed."""

    crl_hours = forms.IntegerField(
        label="Validity of a CRL in hours", min_value=1, max_value=LONGEST_CRL_HOURS
    )
    delta_crl_hours = _delta_crl_hours()
    ocsp_hours = forms.IntegerField(
        label="Validity of an OCSP answer in hours",
        min_value=0,
        max_value=LONGEST_OCSP_HOURS,
        help_text="0: no OCSP. What was signed goes on to name the address.",
    )
    crl_shards = forms.IntegerField(
        label="CRLs of its next key",
        min_value=1,
        max_value=MOST_SHARDS,
        help_text="Revocations are spread over them, so that each stays small.",
    )
    is_default = forms.BooleanField(
        label="Use it where a certificate names no authority", required=False
    )
    team = team_field()
    fieldsets = (("Settings", "", (*_PUBLISHING, "crl_shards", "team", "is_default")),)

    def __init__(self, *args: Any, obj: Authority, **kwargs: Any) -> None:
        names = (*_PUBLISHING, "crl_shards", "is_default", "team")
        initial = {name: getattr(obj, name) for name in names}
        super().__init__(*args, obj=obj, initial=initial, **kwargs)

    def carry_out(self) -> Authority:
        data: Mapping[str, Any] = {**self.cleaned_data, "team": team_name(self.cleaned_data)}
        return update_authority(actor=self.actor, authority=self.obj, **data)
