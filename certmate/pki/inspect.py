"""Reads certificates and PEM text that others made, and says what is in them."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from certmate.pki.errors import PKIError
from certmate.pki.keys import KeyFacts, describe

MAX_PEM_BYTES = 256 * 1024
"""Far more than any chain needs, little enough to parse at once."""

PARSE_ERRORS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""All that `cryptography` raises on bytes that somebody made up; they have no common base."""

_BLOCK = re.compile(
    r"-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END ([A-Z0-9 ]{1,40})-----",
    re.ASCII,
)


@dataclass(frozen=True)
class CertificateFacts:
    """What a certificate says of itself. `names` are its DNS names and IP addresses."""

    serial: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    issuer: str
    subject: str
    names: tuple[str, ...]
    key: KeyFacts


def pem_blocks(text: str) -> list[tuple[str, bytes]]:
    """Label and content of each PEM block (RFC 7468); text around the blocks is a comment.

    Raises PKIError (`pem.malformed`) if something looks like a block and is none.
    """
    if len(text) > MAX_PEM_BYTES:
        raise PKIError(f"PEM has at most {MAX_PEM_BYTES // 1024} KiB here.", code="pem.malformed")
    found = _BLOCK.findall(text)
    if len(found) != text.count("-----BEGIN ") or any(begin != end for begin, _, end in found):
        raise PKIError(
            "A PEM block is cut off, encrypted or not Base64.",
            code="pem.malformed",
        )
    try:
        return [
            (label, base64.b64decode("".join(body.split()), validate=True))
            for label, body, _ in found
        ]
    except binascii.Error:
        # Not chained: the block may be a private key that somebody pasted by mistake.
        raise PKIError("A PEM block is not valid Base64.", code="pem.malformed") from None


def load_chain(pem: str) -> list[x509.Certificate]:
    """The certificates in `pem`, in their order. Raises PKIError (`certificate.malformed`)."""
    try:
        blocks = pem_blocks(pem)
    except PKIError as error:
        raise PKIError(error.detail, code="certificate.malformed") from None
    if any(label != "CERTIFICATE" for label, _ in blocks):
        raise PKIError(
            "There is something else than certificates in the PEM.", code="certificate.malformed"
        )
    try:
        return [x509.load_der_x509_certificate(der) for _, der in blocks]
    except PARSE_ERRORS as error:
        raise PKIError(
            "A PEM block does not hold an X.509 certificate.", code="certificate.malformed"
        ) from error


def load_certificate(pem: str) -> x509.Certificate:
    """The one certificate in `pem`. Raises PKIError (`certificate.malformed`)."""
    certificates = load_chain(pem)
    if len(certificates) != 1:
        raise PKIError(
            f"Expected one certificate, found {len(certificates)}.", code="certificate.malformed"
        )
    return certificates[0]


def split_chain(pem: str) -> list[str]:
    """Each certificate of `pem` as PEM of its own, without comments; none for an empty text."""
    return [to_pem(certificate) for certificate in load_chain(pem)]


def describe_certificate(pem: str) -> CertificateFacts:
    """The facts of the one certificate in `pem`. Raises PKIError (`certificate.malformed`)."""
    certificate = load_certificate(pem)
    try:
        return CertificateFacts(
            serial=_serial(certificate),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            issuer=certificate.issuer.rfc4514_string(),
            subject=certificate.subject.rfc4514_string(),
            names=_names(certificate),
            key=describe(certificate.public_key()),
        )
    except PARSE_ERRORS as error:
        raise PKIError(
            "The certificate has a field that cannot be read.", code="certificate.malformed"
        ) from error


def is_ca(pem: str) -> bool:
    """Whether the one certificate may sign others (RFC 5280 §4.2.1.9)."""
    try:
        extensions = load_certificate(pem).extensions
        return bool(extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def is_issued_by(pem: str, issuer_pem: str) -> bool:
    """Whether the one certificate bears the other's signature and names it as its issuer (RFC 5280
    §6.1.3). Raises PKIError (`certificate.malformed`).
    """
    return has_issued(load_certificate(issuer_pem), load_certificate(pem))


def has_issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _serial(certificate: x509.Certificate) -> str:
    return whole_octets(f"{certificate.serial_number:x}")


def whole_octets(digits: str) -> str:
    """A serial number (hexadecimal) in whole octets and no more of them than it takes, as `openssl
    x509 -serial` and CRL tools print it.
    """
    bare = digits.lstrip("0")
    return bare.zfill(len(bare) + len(bare) % 2)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(
        str(name.value).lower()
        for name in extension.value
        if isinstance(name, x509.DNSName | x509.IPAddress)
    )


def to_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def pem_of(der: bytes, label: str = "CERTIFICATE") -> str:
    """DER as PEM (RFC 7468), without a look at what is in it."""
    text = base64.b64encode(der).decode("ascii")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))
