"""The signing requests that people bring to a private authority, and proof that they hold a key."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certmate.pki import csr
from certmate.pki.alt_names import AltNames, from_general_names
from certmate.pki.errors import PKIError
from certmate.pki.inspect import load_certificate
from certmate.pki.keys import KeyFacts, describe
from certmate.pki.signatures import check_signature
from certmate.pki.subject import Subject, from_name, to_name


@dataclass(frozen=True)
class ClientRequest:
    """What a sender who holds the key asks for. `spki` is its SubjectPublicKeyInfo in DER."""

    pem: str
    subject: dict[str, str]
    alt_names: AltNames
    key: KeyFacts
    spki: bytes


def parse_request(pem_or_der: str | bytes) -> ClientRequest:
    """What somebody's request asks for, after every check that needs no authority.

    All other requested extensions and a challenge password are ignored: an authority's profile
    says what a certificate may do. The subject, the names or both may be missing.
    Raises PKIError (`csr.malformed`, `csr.signature`, `key.weak`, `subject.*`, `san.*`, `name.*`).
    """
    request = csr.open_request(pem_or_der, more=True)
    subject, general_names = csr.subject_of(request), csr.requested_names(request)
    try:
        checked_subject, alt_names = from_name(subject), from_general_names(general_names)
    except PKIError as error:
        # Without its field: whoever sent the request filled in one field, the CSR.
        raise PKIError(f"In the CSR: {error.detail}", code=error.code) from None
    public_key = request.public_key()
    return ClientRequest(
        pem=request.public_bytes(Encoding.PEM).decode("ascii"),
        subject=checked_subject,
        alt_names=alt_names,
        key=describe(public_key),
        spki=public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )


def build_request(key_pem: str, subject: Subject, alt_names: AltNames) -> str:
    """A PEM request that `parse_request` reads as the same.

    Raises PKIError (`key.malformed`, `subject.*`).
    """
    return csr.make(key_pem, to_name(subject), alt_names.general_names())


def verify_proof(certificate_pem: str, message: bytes, signature: bytes) -> None:
    """Whoever holds the certificate's key has signed exactly this message.

    By the algorithms of `check_signature`.
    Raises PKIError (`renew.proof`, `certificate.malformed`).
    """
    certificate = load_certificate(certificate_pem)
    try:
        check_signature(certificate.public_key(), signature, message)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise PKIError(
            "The certificate's key has not made this signature.", code="renew.proof"
        ) from error
