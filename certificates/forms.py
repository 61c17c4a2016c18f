"""Forms of the admin for certificates: what a person fills in, as the services want it."""

from typing import Any

from django import forms

from certificates.choices import ChallengeType
from certificates.models import Certificate
from certificates.services import CertificateRequest, create_certificate, update_certificate
from certmate.pki.keys import KeyType
from certmate.ui.forms import (
    NamesField,
    ObjectForm,
    ServiceForm,
    TagsField,
    team_field,
    team_name,
)
from providers.models import CAAccount, DNSAccount
from storage.models import StorageTarget

_KEY_LABELS = {"ec256": "ECDSA P-256", "ec384": "ECDSA P-384"}
RENEWAL_HELP = "Empty: when the CA suggests, else with a third of the lifetime left."


def key_label(key_type: str) -> str:
    """`ECDSA P-256`, `RSA 2048`."""
    return _KEY_LABELS.get(key_type) or key_type.replace("rsa", "RSA ")


class WantedForm(ServiceForm):
    """What is asked of the CA; the same for a new certificate and a reissue."""

    names = NamesField(
        label="Domain names",
        help_text="One a line or with commas, the primary name first: "
        "example.com, *.example.com, an IP address where the CA takes them.",
    )
    ca = forms.ModelChoiceField(CAAccount.objects.none(), label="CA account")
    challenge_type = forms.ChoiceField(
        label="Proof of control",
        choices=ChallengeType.choices,
        initial=ChallengeType.DNS_01,
        help_text="Wildcards need DNS-01, IP addresses HTTP-01.",
    )
    dns = forms.ModelChoiceField(
        DNSAccount.objects.none(),
        label="DNS account",
        required=False,
        empty_label="By zone: the account whose zones match the names",
    )
    key_type = forms.ChoiceField(
        label="Key type",
        choices=[(key_type.value, key_label(key_type.value)) for key_type in KeyType],
        initial=KeyType.EC256.value,
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("ca", CAAccount)
        self.offer("dns", DNSAccount)

    def wanted(self) -> CertificateRequest:
        """The request that the services take."""
        data = self.cleaned_data
        names = data["names"]
        return CertificateRequest(
            domain=names[0] if names else "",
            san_domains=names[1:],
            ca=data["ca"].name,
            dns=data["dns"].name if data["dns"] else "",
            challenge_type=data["challenge_type"],
            key_type=data["key_type"],
            csr=data["csr"].strip(),
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
            "Authority and proof",
            "Who issues it, and how CertMate shows that the names are yours.",
            ("ca", "challenge_type", "dns"),
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
