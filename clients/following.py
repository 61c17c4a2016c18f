"""What a revocation in the ledger means for the client certificate that it is about."""

from clients import renewal
from clients.choices import ClientState
from clients.models import ClientCertificate, ClientVersion
from providers.choices import RevocationReason
from providers.models import LedgerEntry, Revocation


def follow(entry: LedgerEntry, revocation: Revocation | None) -> None:
    """Mark the version, and its certificate if it is the current one; None ends a hold."""
    version = ClientVersion.objects.filter(entry=entry).first()
    if version is None:
        return
    version.revoked_at = revocation.revoked_at if revocation else None
    version.revocation_reason = revocation.reason if revocation else ""
    version.save(update_fields=["revoked_at", "revocation_reason"])
    certificate = ClientCertificate.objects.select_for_update().get(pk=version.certificate_id)
    if certificate.current_version_id != version.pk:
        return
    if revocation is None:
        certificate.state = ClientState.ACTIVE
        renewal.schedule(certificate, version)
    else:
        is_held = revocation.reason == RevocationReason.CERTIFICATE_HOLD
        certificate.state = ClientState.HELD if is_held else ClientState.REVOKED
        certificate.renew_at = certificate.notice_at = None
    certificate.save()
