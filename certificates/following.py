"""What a revocation in an authority's ledger means for the certificate that it is about."""

from certificates.choices import CertificateState
from certificates.models import Certificate, Version
from certificates.services.certificates import set_renewal
from providers.models import LedgerEntry, Revocation


def follow(entry: LedgerEntry, revocation: Revocation | None) -> None:
    """Mark the version, and its certificate if it is the current one; None ends a hold."""
    version = Version.objects.filter(entry=entry).first()
    if version is None:
        return
    version.revoked_at = revocation.revoked_at if revocation else None
    version.revocation_reason = revocation.reason if revocation else ""
    version.save(update_fields=["revoked_at", "revocation_reason"])
    certificate = Certificate.objects.select_for_update().get(pk=version.certificate_id)
    if certificate.current_version_id != version.pk:
        return
    if revocation is None:
        certificate.state = CertificateState.ACTIVE
        set_renewal(certificate, version)
    else:
        certificate.state = CertificateState.REVOKED
        certificate.renew_at = certificate.renewal_poll_at = None
    certificate.save()
