"""The verbs on an authority, as buttons."""

from typing import Any

from django import forms
from django.db import models
from django.http import HttpResponse

from certmate.access.verbs import Verb
from certmate.pki.inspect import pem_blocks
from certmate.ui.base import admin_url
from certmate.ui.downloads import attachment
from certmate.ui.tools import DeleteTool, Tool
from providers import services
from providers.choices import AuthorityKind, KeyState
from providers.forms.authorities import PEM_AREA, CAFields, name_field, passphrase_field
from providers.models import CRL, Authority, AuthorityKey
from providers.services.signing import above


def waiting_key(authority: Authority) -> AuthorityKey | None:
    """The key that waits for the certificate of an outside CA."""
    return authority.keys.filter(state=KeyState.WAITING).exclude(csr="").first()


def _signs(obj: models.Model) -> bool:
    return isinstance(obj, Authority) and obj.disabled_at is None and obj.active_key() is not None


class NewIntermediate(CAFields, Tool[Authority]):
    name, label, verb, is_primary = "intermediate", "New intermediate", Verb.SIGN, True
    explanation = "A CA that this authority signs, with a key of its own."
    submit_label = "Make intermediate"
    called = name_field()
    opening = passphrase_field("Passphrase of the key that signs")
    renamed = CAFields.renamed | {"name": "called", "parent_passphrase": "opening"}
    fieldsets = (
        ("Intermediate", "", ("called", "opening")),
        CAFields.subject_fieldset,
        CAFields.key_fieldset,
        *CAFields.limits_fieldsets,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.obj.is_offline:
            del self.fields["opening"]

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return _signs(obj)

    def carry_out(self) -> Authority:
        data = self.values()
        return services.create_authority(
            actor=self.actor,
            kind=AuthorityKind.INTERMEDIATE,
            name=data.pop("called"),
            parent=self.obj.name,
            parent_passphrase=data.pop("opening", ""),
            **data,
        )

    def told(self) -> str:
        return f"{self.result} was made."

    def next_url(self) -> str:
        return admin_url(self.result)


class Rotate(Tool[Authority]):
    name, label, verb = "rotate", "Rotate key", Verb.SIGN
    explanation = (
        "A new key signs from now on. What the old one has signed stays trusted until it expires, "
        "and its CRLs go on."
    )
    passphrase = passphrase_field("Passphrase", "Opens the present key and encrypts the new one.")
    parent_passphrase = passphrase_field("Passphrase of the key that signs")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.obj.is_offline:
            del self.fields["passphrase"]
        if self.obj.parent is None or not self.obj.parent.is_offline:
            del self.fields["parent_passphrase"]

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return _signs(obj)

    def carry_out(self) -> AuthorityKey:
        return services.rotate_authority(actor=self.actor, authority=self.obj, **self.cleaned_data)

    def told(self) -> str:
        if self.result.state == KeyState.WAITING:
            return f"Key {self.result.number} waits for its certificate: download its CSR."
        return f"Key {self.result.number} signs from now on."


class PublishCRLs(Tool[Authority]):
    name, label, verb = "publish_crls", "Publish CRLs", Verb.SIGN
    explanation = "Makes all its CRLs now, those of its earlier keys included."
    passphrase = passphrase_field("Passphrase of its keys")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.obj.is_offline:
            del self.fields["passphrase"]

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Authority) and obj.active_key() is not None

    def carry_out(self) -> list[CRL]:
        return services.publish_crls(actor=self.actor, authority=self.obj, **self.cleaned_data)

    def told(self) -> str:
        count = len(self.result)
        return f"{count} {'CRL is' if count == 1 else 'CRLs are'} published."


class InstallCertificate(Tool[Authority]):
    name, label, verb, is_primary = "install", "Install certificate", Verb.CHANGE, True
    explanation = "What the outside CA has made of the CSR, and the CAs above it."
    certificate = forms.CharField(label="Certificate (PEM)", strip=False, widget=PEM_AREA)
    chain = forms.CharField(
        label="Chain (PEM)",
        required=False,
        strip=False,
        widget=PEM_AREA,
        help_text="The CA that signed it first, its root last.",
    )

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Authority) and waiting_key(obj) is not None

    def carry_out(self) -> AuthorityKey:
        return services.install_certificate(
            actor=self.actor, authority=self.obj, **self.cleaned_data
        )

    def told(self) -> str:
        return f"Key {self.result.number} signs from now on."


class _Download(Tool[Authority]):
    verb, is_direct = Verb.VIEW, True

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Authority) and obj.active_key() is not None

    def key(self) -> AuthorityKey:
        found = self.obj.active_key()
        if found is None:
            raise forms.ValidationError("It has no certificate yet.", code="authority.not_ready")
        return found


class DownloadCSR(_Download):
    name, label = "csr", "Download CSR (.csr)"
    explanation = "For the outside CA that shall sign the key."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return InstallCertificate.offered(obj)

    def carry_out(self) -> AuthorityKey:
        found = waiting_key(self.obj)
        if found is None:
            raise forms.ValidationError("No key waits.", code="authority.not_waiting")
        return found

    def response(self) -> HttpResponse:
        return attachment(self.result.csr.encode(), "application/x-pem-file", f"{self.obj}.csr")


class DownloadCertificate(_Download):
    name, label = "certificate", "Download certificate (.cer)"
    explanation = "Its certificate in DER, as Windows and Java import it."

    def carry_out(self) -> AuthorityKey:
        return self.key()

    def response(self) -> HttpResponse:
        der = pem_blocks(self.result.cert)[0][1]
        return attachment(der, "application/pkix-cert", f"{self.obj}.cer")


class DownloadChain(_Download):
    name, label = "chain", "Download chain (.pem)"
    explanation = "Its certificate and those of all CAs above it in PEM."

    def carry_out(self) -> AuthorityKey:
        return self.key()

    def response(self) -> HttpResponse:
        chain = "".join([self.result.cert, *above(self.result)])
        return attachment(chain.encode(), "application/x-pem-file", f"{self.obj}-chain.pem")


class Disable(Tool[Authority]):
    name, label, verb, is_dangerous = "disable", "Disable", Verb.CHANGE, True
    explanation = "It signs nothing any more but its CRLs. What it signed stays valid."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Authority) and obj.disabled_at is None

    def carry_out(self) -> Authority:
        return services.update_authority(actor=self.actor, authority=self.obj, disabled=True)


class Enable(Tool[Authority]):
    name, label, verb = "enable", "Enable", Verb.CHANGE
    explanation = "It signs again."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Authority) and obj.disabled_at is not None

    def carry_out(self) -> Authority:
        return services.update_authority(actor=self.actor, authority=self.obj, disabled=False)


class DeleteAuthority(DeleteTool[Authority]):
    explanation = "Only an authority that has signed nothing can be deleted. Its key goes with it."

    def carry_out(self) -> None:
        services.delete_authority(actor=self.actor, authority=self.obj)


AUTHORITY_TOOLS = (
    InstallCertificate,
    NewIntermediate,
    Rotate,
    PublishCRLs,
    DownloadCSR,
    DownloadCertificate,
    DownloadChain,
    Enable,
    Disable,
    DeleteAuthority,
)
