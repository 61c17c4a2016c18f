"""When a client certificate is renewed: by policy, and no sooner than somebody wants it to be."""

from certmate.core import clock, renewal
from clients.models import ClientCertificate, ClientVersion


def schedule(certificate: ClientCertificate, version: ClientVersion) -> None:
    """Compute expiry and renewal from this version; nothing is owed by a person any more.

    The caller saves the certificate.
    """
    certificate.expires_at = version.not_after
    certificate.renew_at = None
    if certificate.auto_renew:
        certificate.renew_at = renewal.renew_at(
            version.not_before, version.not_after, certificate.renewal_days, clock.jitter
        )
    certificate.retry_at = certificate.notice_at = None
    certificate.renewal_error = ""
