"""What only a certificate of an authority of ours has; one that was uploaded has none of it."""

from certmate.core.errors import InvalidRequest
from clients.models import ClientCertificate
from providers.models import Authority, Profile


def authority_of(certificate: ClientCertificate) -> Authority:
    """Raises InvalidRequest (`client.not_ours`) for one that was issued elsewhere."""
    if certificate.authority is None:
        raise not_ours(certificate)
    return certificate.authority


def profile_of(certificate: ClientCertificate) -> Profile:
    """Raises as `authority_of` does."""
    if certificate.profile is None:
        raise not_ours(certificate)
    return certificate.profile


def not_ours(certificate: ClientCertificate) -> InvalidRequest:
    """The error for what only the CA that issued it can do."""
    return InvalidRequest(
        f"{certificate} was issued by another CA and uploaded: ask that CA.",
        code="client.not_ours",
    )
