"""The verbs on client certificates, identities, enrolments and batches, as buttons."""

from typing import Any, TypeGuard

from django import forms
from django.db import models

from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.ui.base import admin_url
from certmate.ui.tools import DeleteTool, Tool
from clients import services
from clients.admin.files import FILE_TOOLS
from clients.choices import ClientState, EnrolmentState
from clients.models import ClientCertificate, Enrolment, Identity
from providers.admin.revocation import RevokeTool
from providers.choices import RevocationReason

_HOLD = RevocationReason.CERTIFICATE_HOLD
_REASONS = [
    (value, label)
    for value, label in RevocationReason.choices
    if value != RevocationReason.CA_COMPROMISE
]


class _Renewal(Tool[ClientCertificate]):
    """A new version, at once or once somebody has approved of it."""

    verb = Verb.RENEW

    def told(self) -> str:
        certificate, enrolment = self.result
        if enrolment is not None:
            return "The request waits until somebody else approves of it."
        return f"Version {certificate.current_version.number} is issued."

    def next_url(self) -> str:
        _, enrolment = self.result
        return admin_url(enrolment) if enrolment is not None else ""


def _supersede() -> forms.BooleanField:
    return forms.BooleanField(
        label="Revoke the present version as superseded",
        required=False,
        help_text="Whoever still uses it is refused from then on.",
    )


class Renew(_Renewal):
    name, label, is_primary = "renew", "Renew", True
    explanation = "A new version for the same holder by the same profile, with a new key."
    same_key = forms.BooleanField(label="Keep the present key", required=False)
    supersede = _supersede()

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return _is_renewable(obj) and obj.has_own_key

    def carry_out(self) -> Any:
        return services.renew_client_certificate(
            actor=self.actor, certificate=self.obj, **self.cleaned_data
        )


class RenewByCSR(_Renewal):
    name, label = "renew_csr", "Renew with CSR"
    explanation = (
        "A new version for a key of the holder's own. Who holds it and what it may do stay as they "
        "are, whatever the CSR says."
    )
    csr = forms.CharField(
        label="CSR of the holder (PEM)",
        widget=forms.Textarea(attrs={"rows": 8, "class": "code", "spellcheck": "false"}),
    )
    supersede = _supersede()

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return _is_renewable(obj)

    def carry_out(self) -> Any:
        return services.renew_client_certificate(
            actor=self.actor, certificate=self.obj, **self.cleaned_data
        )


def _is_renewable(obj: models.Model) -> TypeGuard[ClientCertificate]:
    if not isinstance(obj, ClientCertificate) or obj.authority_id is None:
        return False
    return obj.state == ClientState.ACTIVE


class Revoke(RevokeTool[ClientCertificate]):
    reason = forms.ChoiceField(choices=_REASONS, initial=RevocationReason.UNSPECIFIED)
    number = forms.IntegerField(
        label="Version", required=False, min_value=1, help_text="Empty: the current version."
    )
    renamed = {"version": "number"}

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        if not isinstance(obj, ClientCertificate) or obj.authority_id is None:
            return False
        return obj.state in (ClientState.ACTIVE, ClientState.HELD)

    def carry_out(self) -> Any:
        return services.revoke_client_certificate(
            actor=self.actor, certificate=self.obj, **self.cleaned_data
        )

    def told(self) -> str:
        ended = "on hold" if self.result.revocation_reason == _HOLD else "revoked"
        return f"Version {self.result.number} is {ended}."


class Release(Tool[ClientCertificate]):
    name, label, verb = "release", "Release from hold", Verb.REVOKE
    explanation = "The certificate is trusted again once the next CRL is out."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, ClientCertificate) and obj.state == ClientState.HELD

    def carry_out(self) -> Any:
        return services.release_client_certificate(actor=self.actor, certificate=self.obj)

    def told(self) -> str:
        return f"Version {self.result.number} is on hold no more."


class Delete(DeleteTool[ClientCertificate]):
    explanation = (
        "Deletes the certificate, all its versions and what is stored of them, keys included. The "
        "authority's ledger keeps what was signed. To end trust in it, revoke it first."
    )
    force = forms.BooleanField(
        label="Delete it although it is valid and not revoked", required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.obj.versions.filter(revoked_at=None, not_after__gt=clock.now()).exists():
            del self.fields["force"]

    def carry_out(self) -> None:
        services.delete_client_certificate(
            actor=self.actor, certificate=self.obj, force=self.cleaned_data.get("force", False)
        )


class DeleteIdentity(DeleteTool[Identity]):
    explanation = "Forgets the identity. It has to have no certificates any more."

    def carry_out(self) -> None:
        services.delete_identity(actor=self.actor, identity=self.obj)


class Approve(Tool[Enrolment]):
    name, label, verb, is_primary = "approve", "Approve", Verb.APPROVE, True
    explanation = "The certificate is issued as it is asked for here. The log says that it was you."
    reason = forms.CharField(required=False, max_length=500)

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Enrolment) and obj.state == EnrolmentState.PENDING

    def carry_out(self) -> Any:
        return services.approve_enrolment(
            actor=self.actor, enrolment=self.obj, reason=self.cleaned_data["reason"]
        )

    def told(self) -> str:
        return f"The certificate {self.obj.identifier} is issued."


class Reject(Tool[Enrolment]):
    name, label, verb, is_dangerous = "reject", "Reject", Verb.APPROVE, True
    explanation = "Nothing is issued. Whoever asked reads the reason."
    reason = forms.CharField(max_length=500)

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return Approve.offered(obj)

    def carry_out(self) -> Any:
        return services.reject_enrolment(
            actor=self.actor, enrolment=self.obj, reason=self.cleaned_data["reason"]
        )

    def told(self) -> str:
        return "The request is rejected."


CERTIFICATE_TOOLS: tuple[type[Tool[ClientCertificate]], ...] = (
    Renew,
    RenewByCSR,
    Release,
    Revoke,
    Delete,
    *FILE_TOOLS,
)
ENROLMENT_TOOLS = (Approve, Reject)
