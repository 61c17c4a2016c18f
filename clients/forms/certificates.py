"""What a person fills in to get, to bring or to keep a client certificate."""

from typing import Any

from django import forms

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.pki.keys import KeyType, label
from certmate.ui.forms import ObjectForm, ServiceForm, TagsField, team_field, team_name
from clients.forms import fields
from clients.forms.fields import AuthorityFields, PEMFile
from clients.models import ClientCertificate
from clients.services import (
    request_client_certificate,
    update_client_certificate,
    upload_client_certificate,
)
from clients.services.wishes import SAN_KINDS
from providers.services.profiles import LONGEST_DAYS
from storage.models import StorageTarget

_SUBJECT = ("O", "OU", "L", "ST", "C")
_TAGS = "With commas between them."
_IDENTIFIER = "How it is called here and in storage. Empty: made of the common name."


def _notes_field() -> forms.CharField:
    return forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))


class NewClientForm(AuthorityFields):
    """A certificate to be issued by an authority, for a key made here or for a CSR."""

    submit_label = "Issue certificate"
    identity = fields.identity_field()
    common_name = forms.CharField(
        label="Common name",
        required=False,
        help_text="Such as a user name, a device or Jane Doe. Empty: the CSR or the identity says.",
    )
    identifier = forms.CharField(
        label="Identifier in CertMate", required=False, max_length=200, help_text=_IDENTIFIER
    )
    validity_days = forms.IntegerField(
        label="Validity in days",
        required=False,
        min_value=1,
        max_value=LONGEST_DAYS,
        help_text="Empty: as the profile says.",
    )
    organisation = fields.subject_field("O")
    unit = fields.subject_field("OU")
    locality = fields.subject_field("L")
    state = fields.subject_field("ST")
    country = fields.subject_field("C")
    dns = fields.names_field("DNS names")
    ip = fields.names_field("IP addresses")
    email = fields.names_field("E-mail addresses")
    uri = fields.uris_field()
    key_type = forms.ChoiceField(
        label="Key type",
        required=False,
        choices=[("", "As the profile prefers"), *((kind.value, label(kind)) for kind in KeyType)],
    )
    csr = fields.pem_field("CSR of the holder (PEM)")
    csr_file = PEMFile(
        label="Or the CSR as a file", kind="CERTIFICATE REQUEST", help_text="PEM or DER."
    )
    storage = fields.storage_field()
    auto_renew = forms.BooleanField(
        label="Renew automatically",
        required=False,
        initial=True,
        help_text="With a CSR its holder has to send a new one; CertMate says when.",
    )
    renewal_days = fields.renewal_days_field()
    tags = TagsField(required=False, help_text=_TAGS)
    notes = _notes_field()
    team = team_field()

    renamed = fields.SUBJECT_RENAMED | {f"san.{kind}": kind for kind in SAN_KINDS} | {"san": "dns"}
    fieldsets = (
        (
            "Holder",
            "Who or what shall hold it: an identity, a common name, or both.",
            ("identity", "common_name", "identifier"),
        ),
        ("Authority", "", ("authority", "profile", "validity_days")),
        (
            "Subject",
            "What is left empty is taken from the CSR, then from the identity.",
            tuple(fields.SUBJECT_FIELDS[name] for name in _SUBJECT),
        ),
        (
            "Alternative names",
            "One a line or with commas between them, of the kinds that the profile takes. "
            "All empty: those of the CSR.",
            SAN_KINDS,
        ),
        (
            "Key",
            "CertMate makes the key, unless the holder has one and brings a CSR.",
            ("key_type", "csr", "csr_file"),
        ),
        ("Keeping", "", ("team", "storage", "auto_renew", "renewal_days", "tags", "notes")),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        fields.take_file(self, "csr")
        return data

    def carry_out(self) -> Any:
        data = self.cleaned_data
        alike = ("identity", "common_name", "identifier", "key_type", "validity_days", "csr")
        kept = ("auto_renew", "renewal_days", "tags", "notes")
        wish = self.wish(
            subject=fields.subject_of(data, _SUBJECT),
            san={kind: data[kind] for kind in SAN_KINDS},
            **{name: data[name] for name in (*alike, *kept)},
        )
        return request_client_certificate(actor=self.actor, wish=wish)


class UploadForm(ServiceForm):
    """A certificate of another CA, to be kept and watched."""

    submit_label = "Upload certificate"
    certificate = fields.pem_field(
        "Certificate (PEM)", help_text="Certificates of CAs may follow it."
    )
    certificate_file = PEMFile(
        label="Or the certificate as a file", kind="CERTIFICATE", help_text="PEM or DER."
    )
    chain = fields.pem_field(
        "Chain (PEM)", help_text="The CA that signed it first, if it does not stand above."
    )
    private_key = fields.key_field(
        "Private key (PEM)",
        help_text="Without a passphrase. Leave empty if the key shall stay with its holder.",
    )
    identifier = forms.CharField(
        label="Identifier in CertMate", required=False, max_length=200, help_text=_IDENTIFIER
    )
    identity = fields.identity_field()
    storage = fields.storage_field()
    tags = TagsField(required=False, help_text=_TAGS)
    notes = _notes_field()
    team = team_field()

    renamed = {"common_name": "identifier"}
    fieldsets = (
        ("Certificate", "", ("certificate", "certificate_file", "chain", "private_key")),
        ("Holder", "", ("identity", "identifier")),
        ("Keeping", "", ("team", "storage", "tags", "notes")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("storage", StorageTarget)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        fields.take_file(self, "certificate")
        if not data.get("certificate") and not self.errors:
            self.add_error("certificate", "Paste the certificate or send it as a file.")
        return data

    def carry_out(self) -> ClientCertificate:
        data = dict(self.cleaned_data)
        storage, team = data.pop("storage"), team_name(data) or ""
        return upload_client_certificate(
            actor=self.actor,
            storage_name=storage.name if storage else "",
            **(data | {"team": team}),
        )


class ClientSettingsForm(ObjectForm[ClientCertificate]):
    """How it is kept and whose it is; what it says changes by a new certificate."""

    identity = fields.identity_field()
    auto_renew = forms.BooleanField(label="Renew automatically", required=False)
    renewal_days = fields.renewal_days_field()
    tags = TagsField(required=False, help_text=_TAGS)
    notes = _notes_field()
    team = team_field()
    fieldsets = (
        ("Settings", "", ("identity", "team", "auto_renew", "renewal_days", "tags", "notes")),
    )

    def __init__(self, *args: Any, obj: ClientCertificate, **kwargs: Any) -> None:
        names = ("identity", "auto_renew", "renewal_days", "tags", "notes", "team")
        initial = {name: getattr(obj, name) for name in names}
        super().__init__(*args, obj=obj, initial=initial, **kwargs)
        if obj.identity is not None and not policy.allowed(self.actor, Verb.ADMINISTER, obj):
            del self.fields["identity"]
        if obj.authority_id is None:
            # Nothing here can renew what another CA has issued.
            del self.fields["auto_renew"], self.fields["renewal_days"]

    def carry_out(self) -> ClientCertificate:
        data = {**self.cleaned_data, "team": team_name(self.cleaned_data)}
        if data.get("identity") == str(self.obj.identity or ""):
            # It may be hidden from whoever changes something else.
            del data["identity"]
        return update_client_certificate(actor=self.actor, certificate=self.obj, **data)
