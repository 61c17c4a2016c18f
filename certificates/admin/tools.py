"""The verbs on a certificate and on an order, as buttons."""

from typing import Any

from django import forms
from django.db import models
from django.http import HttpResponse

from certificates import services
from certificates.choices import CertificateState, ChallengeType, OrderState, RevocationReason
from certificates.forms import WantedForm
from certificates.models import Certificate, Order
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.pki.bundle import to_zip
from certmate.pki.names import directory_name
from certmate.ui.base import admin_url
from certmate.ui.downloads import attachment
from certmate.ui.forms import PasswordAgain
from certmate.ui.tools import DeleteTool, Tool


def _has_version(obj: models.Model) -> bool:
    return isinstance(obj, Certificate) and obj.current_version_id is not None


class CertificateTool(Tool[Certificate]):
    """A verb that places an order leads to the page of that order."""

    def next_url(self) -> str:
        return admin_url(self.result) if isinstance(self.result, Order) else ""

    def told(self) -> str:
        return f"Order {self.result.pk} is placed." if isinstance(self.result, Order) else "Done."


class Renew(CertificateTool):
    name, label, verb, is_primary = "renew", "Renew", Verb.RENEW, True
    explanation = (
        "A new version for the same names from the same issuer, "
        "with a new key unless a CSR was brought."
    )

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        # A paused one is resumed, which renews too.
        return isinstance(obj, Certificate) and obj.paused_at is None

    def carry_out(self) -> Order:
        return services.renew_certificate(actor=self.actor, certificate=self.obj)


class Resume(CertificateTool):
    name, label, verb, is_primary = "resume", "Resume", Verb.RENEW, True
    explanation = "Forgets the failures that led to the pause and tries again now."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Certificate) and obj.paused_at is not None

    def carry_out(self) -> Order:
        return services.resume_certificate(actor=self.actor, certificate=self.obj)


class Reissue(WantedForm, CertificateTool):
    name, label, verb = "reissue", "Reissue", Verb.RENEW
    explanation = (
        "A new version with other names, another issuer, key or proof. "
        "The certificate changes when it has been issued; a failure changes nothing."
    )

    def __init__(self, *args: Any, obj: Certificate, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "names": obj.names,
            "ca": obj.ca_account_id,
            "authority": obj.authority_id,
            "profile": obj.profile_id,
            "ca_profile": obj.ca_profile,
            "validity_days": obj.validity_days,
            "challenge_type": obj.challenge_type or ChallengeType.DNS_01,
            "dns": obj.dns_account_id,
            "key_type": obj.key_type,
            "csr": obj.csr,
        }
        super().__init__(*args, obj=obj, **kwargs)
        if obj.dns_account_id:
            self.fields["dns"].empty_label = f"As it is: {obj.dns_account}"  # type: ignore[attr-defined]
        if obj.profile is not None:
            self.present_profile = obj.profile.name
            self.fields["profile"].empty_label = f"As it is: {obj.profile}"  # type: ignore[attr-defined]

    def carry_out(self) -> Order:
        return services.reissue_certificate(
            actor=self.actor, certificate=self.obj, request=self.wanted()
        )


class Revoke(CertificateTool):
    name, label, verb, is_dangerous = "revoke", "Revoke", Verb.REVOKE, True
    explanation = (
        "Whoever issued it makes known that the certificate must not be trusted any more. "
        "This cannot be undone."
    )
    reason = forms.ChoiceField(choices=RevocationReason.choices, initial="unspecified")
    number = forms.IntegerField(
        label="Version", required=False, min_value=1, help_text="Empty: the current version."
    )
    renamed = {"version": "number"}

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Certificate) and obj.state == CertificateState.ACTIVE

    def carry_out(self) -> Order:
        return services.revoke_certificate(
            actor=self.actor, certificate=self.obj, **self.cleaned_data
        )


class Activate(CertificateTool):
    name, label, verb, in_toolbar = "activate", "Make current", Verb.CHANGE, False
    explanation = "The older version becomes the current one, here and at its storage target."
    number = forms.IntegerField(label="Version", min_value=1)

    def carry_out(self) -> Any:
        return services.activate_version(
            actor=self.actor, certificate=self.obj, number=self.cleaned_data["number"]
        )

    def told(self) -> str:
        return f"Version {self.cleaned_data['number']} is the current one now."


class Download(CertificateTool):
    name, label, verb, is_direct = "download", "Download", Verb.DOWNLOAD, True
    explanation = "A ZIP file with certificate, chain and full chain. No private key."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return _has_version(obj)

    def carry_out(self) -> bytes:
        bundle = services.load_bundle(actor=self.actor, certificate=self.obj, include_private=False)
        return to_zip(bundle, include_private=False)

    def response(self) -> HttpResponse:
        return _zip(self.result, directory_name_of(self.obj))


class ExportKey(PasswordAgain, CertificateTool):
    name, label, verb = "export_key", "Export key", Verb.EXPORT_KEY
    explanation = (
        "A ZIP file with the certificate and its private key. "
        "Whoever has the file can pose as the names. The audit log says that you took it."
    )
    submit_label = "Download with private key"

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        if not isinstance(obj, Certificate) or obj.current_version is None:
            return False
        return obj.current_version.has_private_key

    def carry_out(self) -> bytes:
        bundle = services.load_bundle(actor=self.actor, certificate=self.obj, include_private=True)
        return to_zip(bundle, include_private=True)

    def response(self) -> HttpResponse:
        return _zip(self.result, f"{directory_name_of(self.obj)}-with-key")


class Delete(DeleteTool[Certificate]):
    explanation = (
        "Deletes the certificate, all its versions and what is stored of them, keys included. "
        "Servers that use it go on until it expires; to end trust in it, revoke it first."
    )
    force = forms.BooleanField(
        label="Delete it although it is valid and not revoked", required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        valid = self.obj.expires_at is not None and self.obj.expires_at > clock.now()
        if not valid or self.obj.state == CertificateState.REVOKED:
            del self.fields["force"]

    def carry_out(self) -> None:
        services.delete_certificate(
            actor=self.actor, certificate=self.obj, force=self.cleaned_data.get("force", False)
        )


class Retry(Tool[Order]):
    name, label, verb = "retry", "Retry now", Verb.RENEW
    is_direct = is_primary = True
    explanation = "Tries the order again now instead of later."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Order) and obj.state in (OrderState.FAILED, OrderState.WAITING)

    def carry_out(self) -> Order:
        return services.retry_order(actor=self.actor, order=self.obj)

    def told(self) -> str:
        return "The order is in the queue again."


class Cancel(Tool[Order]):
    name, label, verb, is_direct = "cancel", "Cancel order", Verb.RENEW, True
    explanation = "Ends the order. A worker that is at it stops within seconds."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Order) and obj.is_open

    def carry_out(self) -> Order:
        return services.cancel_order(actor=self.actor, order=self.obj)

    def told(self) -> str:
        return "The order is cancelled."


CERTIFICATE_TOOLS = (Resume, Renew, Reissue, Download, ExportKey, Activate, Revoke, Delete)
ORDER_TOOLS = (Retry, Cancel)


def directory_name_of(certificate: Certificate) -> str:
    """The certificate's name as a file name: a wildcard has a star."""
    return directory_name(certificate.name)


def _zip(content: bytes, name: str) -> HttpResponse:
    return attachment(content, "application/zip", f"{name}.zip")
