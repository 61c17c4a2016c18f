"""OCSP from the other side (RFC 6960 §3.2): how a verifier asks, and what it has to believe."""

from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from certmate.pki.errors import PKIError
from certmate.pki.inspect import PARSE_ERRORS
from certmate.pki.issue import Issuer
from certmate.pki.ocsp.responses import issuer_ids


class Told(NamedTuple):
    """Of one certificate: `good`, `revoked` or `unknown`, until then."""

    status: str
    serial: int
    next_update: datetime | None


def request(issuer: Issuer, serial: int) -> bytes:
    """A request (DER) about one certificate of the issuer."""
    named = next(one for one in issuer_ids(issuer) if one.algorithm == "sha256")
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        named.name_hash, named.key_hash, serial, hashes.SHA256()
    )
    return builder.build().public_bytes(Encoding.DER)


def read(content: bytes, issuer: Issuer) -> Told:
    """What an answer says. Raises PKIError (`ocsp.refused`, `signature.invalid`) if it says
    nothing, or nobody has signed it whom the issuer has certified for that.
    """
    try:
        response = ocsp.load_der_ocsp_response(content)
        status = response.response_status
        if status != ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise PKIError(f"The OCSP answer is {status.name}.", code="ocsp.refused")
        single = next(iter(response.responses))
        _require_responder(response, issuer)
    except PARSE_ERRORS as error:
        raise PKIError(f"This is no OCSP answer: {error}", code="ocsp.refused") from error
    return Told(
        single.certificate_status.name.lower(), single.serial_number, single.next_update_utc
    )


def _require_responder(response: ocsp.OCSPResponse, issuer: Issuer) -> None:
    """RFC 6960 §4.2.2.2: its certificate is by the issuer itself, and for this purpose."""
    wrong = PKIError("No responder of this issuer has signed it.", code="signature.invalid")
    if len(response.certificates) != 1:
        raise wrong
    responder = response.certificates[0]
    purposes = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    key = responder.public_key()
    if x509.oid.ExtendedKeyUsageOID.OCSP_SIGNING not in purposes or not isinstance(
        key, ec.EllipticCurvePublicKey
    ):
        raise wrong
    try:
        responder.verify_directly_issued_by(issuer.certificate)
        key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    except (ValueError, TypeError, InvalidSignature) as error:
        raise wrong from error
