"""Forms of the admin for profiles: rules that a person ticks and lists."""

from typing import Any

from django import forms

from certmate.pki.keys import KeyType, label
from certmate.pki.patterns import KINDS
from certmate.pki.subject import ATTRIBUTES
from certmate.pki.usages import EXTENDED_KEY_USAGES, LEAF_USAGES
from certmate.ui.forms import NamesField, ObjectForm, ServiceForm
from providers.forms.accounts import NAME_HELP
from providers.models import Profile
from providers.services import create_profile, update_profile
from providers.services.profiles import LONGEST_DAYS

_KEY_USAGES = {
    "digitalSignature": "Sign (digitalSignature): TLS, signatures",
    "nonRepudiation": "Commit to what is signed (nonRepudiation)",
    "keyEncipherment": "Receive keys (keyEncipherment): RSA only",
    "dataEncipherment": "Receive data (dataEncipherment): RSA only, seldom",
    "keyAgreement": "Agree on keys (keyAgreement): EC only",
}
_PURPOSES = {
    "serverAuth": "TLS server (serverAuth)",
    "clientAuth": "TLS client (clientAuth)",
    "codeSigning": "Signing programs (codeSigning)",
    "emailProtection": "E-mail (emailProtection)",
    "smartcardLogon": "Windows smart card logon (smartcardLogon)",
    "ipsecIKE": "IPsec (ipsecIKE)",
}
_PATTERNS = {
    "dns": "*, *.example.com for every name below, or one name.",
    "ip": "*, or networks such as 192.0.2.0/24.",
    "email": "*, a domain such as example.com, or *.example.com for the domains below.",
    "uri": "*, spiffe://example.com/* for everything below, or one URI.",
}
KIND_LABELS = {
    "dns": "DNS names",
    "ip": "IP addresses",
    "email": "E-mail addresses",
    "uri": "URIs",
}


def _ticked(label_: str, choices: list[tuple[str, str]], **options: Any) -> Any:
    return forms.MultipleChoiceField(
        label=label_, choices=choices, widget=forms.CheckboxSelectMultiple, **options
    )


class TemplateField(forms.CharField):
    """A subject as lines of `O=Example`; cleans to a dictionary."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{name}={text}" for name, text in value.items())
        return value

    def to_python(self, value: Any) -> dict[str, str]:  # type: ignore[override]
        found: dict[str, str] = {}
        for line in (super().to_python(value) or "").splitlines():
            name, sign, text = line.partition("=")
            if not line.strip():
                continue
            if not sign or name.strip() in found:
                raise forms.ValidationError("One attribute a line, each once: O=Example.")
            found[name.strip()] = text.strip()
        return found


class ProfileFields(ServiceForm):
    description = forms.CharField(max_length=200, required=False, help_text="For whom it is.")
    certificate_type = forms.CharField(
        label="Type in metadata",
        max_length=20,
        help_text="What the metadata of its certificates says, such as client.",
    )
    key_usage = _ticked("Its key may", [(name, _KEY_USAGES[name]) for name in LEAF_USAGES])
    extended_key_usage = _ticked(
        "Purposes", [(name, _PURPOSES[name]) for name in EXTENDED_KEY_USAGES], required=False
    )
    other_purposes = NamesField(
        label="Further purposes",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="Object identifiers, such as 1.3.6.1.4.1.311.10.3.12.",
    )
    key_types = _ticked("Key types", [(one.value, label(one)) for one in KeyType])
    default_days = forms.IntegerField(label="Validity in days", min_value=1, max_value=LONGEST_DAYS)
    longest_days = forms.IntegerField(
        label="Longest validity in days", min_value=1, max_value=LONGEST_DAYS
    )
    subject_fields = _ticked(
        "A requester may set",
        [(name, f"{attribute.label} ({name})") for name, attribute in ATTRIBUTES.items()],
        required=False,
    )
    subject = TemplateField(
        label="Each certificate gets",
        required=False,
        help_text="One attribute a line, such as O=Example. {identifier} and {common_name} are "
        "filled in.",
    )
    alt_names_dns, alt_names_ip, alt_names_email, alt_names_uri = (
        NamesField(
            label=KIND_LABELS[kind],
            required=False,
            widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
            help_text=f"{_PATTERNS[kind]} Empty: none.",
        )
        for kind in KINDS
    )
    needs_approval = forms.BooleanField(
        label="Somebody else has to approve of each request", required=False
    )

    fieldsets = (
        ("Profile", "", ("name", "description", "certificate_type", "needs_approval")),
        ("Key", "", ("key_types", "key_usage", "extended_key_usage", "other_purposes")),
        ("Validity", "", ("default_days", "longest_days")),
        ("Subject", "", ("subject_fields", "subject")),
        (
            "Alternative names",
            "Which names a requester may ask for, as patterns, one a line.",
            tuple(f"alt_names_{kind}" for kind in KINDS),
        ),
    )
    # What is ticked is right, so it is about what was written beside it.
    renamed = {f"subject.{name}": "subject" for name in ATTRIBUTES} | {
        "extended_key_usage": "other_purposes"
    }

    def values(self) -> dict[str, Any]:
        """What both services take of it."""
        data = dict(self.cleaned_data)
        data["alt_names"] = {kind: data.pop(f"alt_names_{kind}") for kind in KINDS}
        data["extended_key_usage"] = [*data["extended_key_usage"], *data.pop("other_purposes")]
        data["subject"] = data["subject"] or {}
        return data


class NewProfileForm(ProfileFields):
    submit_label = "Add profile"
    name = forms.CharField(max_length=64, help_text=NAME_HELP)

    def carry_out(self) -> Profile:
        return create_profile(actor=self.actor, **self.values())


class ProfileSettingsForm(ProfileFields, ObjectForm[Profile]):
    def __init__(self, *args: Any, obj: Profile, **kwargs: Any) -> None:
        initial = {name: getattr(obj, name, None) for name in self.base_fields}
        known = [name for name in obj.extended_key_usage if name in EXTENDED_KEY_USAGES]
        initial["extended_key_usage"] = known
        initial["other_purposes"] = [
            name for name in obj.extended_key_usage if name not in EXTENDED_KEY_USAGES
        ]
        initial |= {f"alt_names_{kind}": obj.alt_names.get(kind, []) for kind in KINDS}
        super().__init__(*args, obj=obj, initial=initial, **kwargs)

    def carry_out(self) -> Profile:
        return update_profile(actor=self.actor, profile=self.obj, **self.values())
