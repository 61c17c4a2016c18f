"""Certificate signing requests (RFC 2986): the ones we make, and the ones that people bring."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from certmate.pki.errors import PKIError
from certmate.pki.inspect import PARSE_ERRORS, pem_blocks
from certmate.pki.keys import (
    KeyFacts,
    check_strength,
    describe,
    load_private_key,
    signature_hash,
)
from certmate.pki.names import Name, parse_name, parse_names

MAX_BYTES = 64 * 1024

# RFC 7468 §7: the second label is what older tools, Windows above all, write.
_LABELS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
_DER_SEQUENCE = b"\x30"
# RFC 2985 §5.4.2, and the identifier of old Microsoft tools, which OpenSSL obeys as well.
_EXTENSION_REQUEST = x509.ObjectIdentifier("1.2.840.113549.1.9.14")
_MICROSOFT_EXTENSION_REQUEST = x509.ObjectIdentifier("1.3.6.1.4.1.311.2.1.14")
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True)
class CSR:
    """A request whose sender holds the key. `names` has the common name first, if there is one."""

    pem: str
    names: tuple[Name, ...]
    key: KeyFacts


def build(private_key_pem: str, names: Iterable[Name]) -> str:
    """A PEM request for `names`, all of them in the SAN extension.

    There is no common name: BR 7.1.4.3 discourages it, and it would not hold a long name.
    """
    return make(private_key_pem, x509.Name([]), [_general_name(name) for name in names])


def make(private_key_pem: str, subject: x509.Name, sans: list[x509.GeneralName]) -> str:
    """A PEM request, with a SAN extension if there are any. Raises PKIError (`key.malformed`)."""
    key = load_private_key(private_key_pem)
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    request = builder.sign(key, signature_hash(key.public_key()))
    return request.public_bytes(Encoding.PEM).decode("ascii")


def _general_name(name: Name) -> x509.GeneralName:
    if name.kind == "ip":
        return x509.IPAddress(ip_address(name.value))
    return x509.DNSName(name.value)


def parse(pem_or_der: str | bytes) -> CSR:
    """What somebody's request asks for, after every check that needs no CA.

    Raises PKIError (`csr.malformed`, `csr.signature`, `csr.names`, `key.weak`). Only the key and
    the names count: a challenge password and all other requested extensions are ignored.
    """
    request = open_request(pem_or_der)
    return CSR(
        pem=request.public_bytes(Encoding.PEM).decode("ascii"),
        names=_names(request),
        key=describe(request.public_key()),
    )


def open_request(pem_or_der: str | bytes, *, more: bool = False) -> x509.CertificateSigningRequest:
    """A request whose sender holds its key, whatever it asks for; `more` as in `check_strength`.

    Raises PKIError (`csr.malformed`, `csr.signature`, `key.weak`).
    """
    request = _load(_der(pem_or_der))
    _check_key(request, more=more)
    return request


def _der(pem_or_der: str | bytes) -> bytes:
    if len(pem_or_der) > MAX_BYTES:
        raise PKIError(f"A CSR has at most {MAX_BYTES // 1024} KiB.", code="csr.malformed")
    if isinstance(pem_or_der, bytes):
        if pem_or_der.startswith(_DER_SEQUENCE):
            return pem_or_der
        pem_or_der = pem_or_der.decode("ascii", errors="replace")
    try:
        blocks = pem_blocks(pem_or_der)
    except PKIError as error:
        raise PKIError(error.detail, code="csr.malformed") from None
    if any("PRIVATE KEY" in label for label, _ in blocks):
        raise PKIError("Send the CSR alone, never a private key.", code="csr.malformed")
    if len(blocks) != 1 or blocks[0][0] not in _LABELS:
        raise PKIError(
            "Expected exactly one CERTIFICATE REQUEST in PEM or DER.", code="csr.malformed"
        )
    return blocks[0][1]


def _load(der: bytes) -> x509.CertificateSigningRequest:
    try:
        return x509.load_der_x509_csr(der)
    except PARSE_ERRORS as error:
        raise PKIError("This is not a PKCS#10 request.", code="csr.malformed") from error


def _check_key(request: x509.CertificateSigningRequest, *, more: bool) -> None:
    try:
        public_key = request.public_key()
    except UnsupportedAlgorithm as error:
        raise PKIError(
            "The key cannot be accepted: its algorithm or curve is unknown.", code="key.weak"
        ) from error
    except ValueError as error:
        raise PKIError("The public key of the CSR is malformed.", code="csr.malformed") from error
    # Before the signature: verifying with a key of absurd size is the expensive part.
    check_strength(public_key, more=more)
    if not _is_signed(request, public_key):
        raise PKIError(
            "The CSR is not signed by its own key with SHA-256, SHA-384 or SHA-512.",
            code="csr.signature",
        )
    _check_encoding(request, public_key)


def _check_encoding(request: x509.CertificateSigningRequest, public_key: PublicKeyTypes) -> None:
    """Curve parameters spelled out (RFC 5480 §2.1.1) and compressed points, which CAs refuse."""
    canonical = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if canonical not in request.tbs_certrequest_bytes:
        raise PKIError("The public key of the CSR is oddly encoded.", code="csr.malformed")


def _is_signed(request: x509.CertificateSigningRequest, public_key: PublicKeyTypes) -> bool:
    """RFC 2986 §3: the signature proves that the sender holds the private key."""
    hashed = isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    try:
        if hashed and not isinstance(request.signature_hash_algorithm, _HASHES):
            return False
        return request.is_signature_valid
    except PARSE_ERRORS:
        return False


def _names(request: x509.CertificateSigningRequest) -> tuple[Name, ...]:
    general_names = requested_names(request)
    common_names = _common_names(request)
    if len(common_names) > 1:
        raise PKIError("The CSR has more than one common name.", code="csr.names")
    if not (common_names or general_names):
        raise PKIError("The CSR has no names.", code="csr.names")
    try:
        sans = [_san_text(name) for name in general_names]
        if not sans:
            return (parse_name(_dns_text(common_names[0])),)
        names = parse_names(sans[0], sans[1:])
        if not common_names:
            return names
        primary = parse_name(common_names[0])
    except PKIError as error:
        raise PKIError(f"In the CSR: {error.detail}", code="csr.names") from error
    # BR 7.1.4.3: a common name repeats one of the SANs, character for character.
    if primary not in names or primary.value != common_names[0].lower():
        raise PKIError("The CSR's common name is not among its SANs.", code="csr.names")
    return (primary, *(name for name in names if name != primary))


def subject_of(request: x509.CertificateSigningRequest) -> x509.Name:
    """Raises PKIError (`csr.malformed`)."""
    try:
        return request.subject
    except PARSE_ERRORS as error:
        raise PKIError("The subject of the CSR is malformed.", code="csr.malformed") from error


def _common_names(request: x509.CertificateSigningRequest) -> list[str]:
    found = subject_of(request).get_attributes_for_oid(NameOID.COMMON_NAME)
    return [str(attribute.value) for attribute in found]


def requested_names(request: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    """The SANs, of any kind. Raises PKIError (`csr.malformed`)."""
    try:
        attributes = [attribute.oid for attribute in request.attributes]
        extensions = list(request.extensions)
    except PARSE_ERRORS as error:
        raise PKIError("The extensions of the CSR are malformed.", code="csr.malformed") from error
    # Readers differ in which list they obey, so a CA could certify names that nobody saw here.
    if attributes.count(_EXTENSION_REQUEST) > 1 or _MICROSOFT_EXTENSION_REQUEST in attributes:
        raise PKIError("The CSR has more than one list of extensions.", code="csr.malformed")
    values = [extension.value for extension in extensions]
    sans = [san for san in values if isinstance(san, x509.SubjectAlternativeName)]
    return [name for san in sans for name in san]


def _san_text(name: x509.GeneralName) -> str:
    if isinstance(name, x509.IPAddress):
        return str(name.value)
    if isinstance(name, x509.DNSName):
        return _dns_text(name.value)
    raise PKIError("only DNS names and IP addresses can be requested.", code="csr.names")


def _dns_text(text: str) -> str:
    """`text`, if every reader of the CSR takes it for the same DNS name as we do."""
    name = parse_name(text)
    if name.kind != "dns" or name.value != text.lower():
        raise PKIError(f"{name.value} is not written as a DNS name in ASCII.", code="csr.names")
    return text
