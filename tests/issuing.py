"""A CA that answers at once, in place of the one door to all CAs (`providers.issuers.issue`)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from providers.acme.client import IssuedChain
from tests.storage.bundles import authority


def issue(*, csr: str, **_: Any) -> IssuedChain:
    """What the CSR asks for, signed by the CA of the storage tests, valid for 90 days."""
    request = x509.load_pem_x509_csr(csr.encode())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(authority().name)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=90))
    )
    for extension in request.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    cert = builder.sign(authority().key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    return IssuedChain(cert=cert, chain=authority().pem)
