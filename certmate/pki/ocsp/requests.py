"""Requests of OCSP clients (RFC 6960 §4.1), read strictly: whatever else arrives is malformed."""

import base64
import binascii
from typing import Annotated, Literal, NamedTuple
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import TLV, Default, Explicit, IA5String, Implicit, Variant
from cryptography.x509 import ObjectIdentifier

from certmate.pki.errors import PKIError

MOST_BYTES = 4096
"""As many as some fifty certificates need; a request for one has about a hundred."""
LONGEST_NONCE = 128
"""RFC 9654 §2.1: 1 to 128 octets."""

ALGORITHMS = {
    ObjectIdentifier("1.3.14.3.2.26"): "sha1",
    ObjectIdentifier("2.16.840.1.101.3.4.2.1"): "sha256",
}
"""The hashes by which we know an issuer; RFC 9919 §2.1.1 prefers the second."""

_NONCE = ObjectIdentifier("1.3.6.1.5.5.7.48.1.2")


class CertID(NamedTuple):
    """The certificate that is asked about. `algorithm` is "" for a hash that is not ours."""

    algorithm: str
    name_hash: bytes
    key_hash: bytes
    serial: int


class Asked(NamedTuple):
    """A request: about these certificates, with this nonce or None."""

    certificates: tuple[CertID, ...]
    nonce: bytes | None


@asn1.sequence
class _Algorithm:
    oid: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _CertID:
    algorithm: _Algorithm
    name_hash: bytes
    key_hash: bytes
    serial: int


@asn1.sequence
class _Extension:
    oid: ObjectIdentifier
    critical: Annotated[bool, Default(False)]
    value: bytes


@asn1.sequence
class _Request:
    certificate: _CertID
    extensions: Annotated[list[_Extension] | None, Explicit(0)]


@asn1.sequence
class _OtherName:
    kind: ObjectIdentifier
    value: Annotated[TLV, Explicit(0)]


# RFC 5280 §4.2.1.6. Who asks is read past: an answer is the same for everybody.
_GeneralName = (
    Annotated[Variant[_OtherName, Literal["other"]], Implicit(0)]
    | Annotated[Variant[IA5String, Literal["email"]], Implicit(1)]
    | Annotated[Variant[IA5String, Literal["dns"]], Implicit(2)]
    | Annotated[Variant[TLV, Literal["directory"]], Explicit(4)]
    | Annotated[Variant[IA5String, Literal["uri"]], Implicit(6)]
    | Annotated[Variant[bytes, Literal["ip"]], Implicit(7)]
    | Annotated[Variant[ObjectIdentifier, Literal["registered"]], Implicit(8)]
)


@asn1.sequence
class _Signature:
    algorithm: TLV
    value: asn1.BitString
    certificates: Annotated[list[x509.Certificate] | None, Explicit(0)]


@asn1.sequence
class _TBSRequest:
    version: Annotated[int, Explicit(0), Default(0)]
    requestor: Annotated[_GeneralName | None, Explicit(1)]
    requests: list[_Request]
    extensions: Annotated[list[_Extension] | None, Explicit(2)]


@asn1.sequence
class _OCSPRequest:
    request: _TBSRequest
    # RFC 9919 §2.1.2: a responder need not look at it.
    signature: Annotated[_Signature | None, Explicit(0)]


def parse(data: bytes) -> Asked:
    """Raises PKIError (`ocsp.malformed`)."""
    if len(data) > MOST_BYTES:
        raise _malformed(f"has more than {MOST_BYTES} bytes")
    try:
        found = asn1.decode_der(_OCSPRequest, data).request
    except ValueError as error:
        raise _malformed("is not an OCSPRequest in DER") from error
    if found.version != 0 or not found.requests:
        raise _malformed("is not of version 1, or names no certificate")
    for one in found.requests:
        _require_understood(one.extensions or (), known=None)
    extensions = found.extensions or ()
    _require_understood(extensions, known=_NONCE)
    nonces = [extension.value for extension in extensions if extension.oid == _NONCE]
    if len(nonces) > 1:
        raise _malformed("has two nonces")
    return Asked(
        tuple(_cert_id(one.certificate) for one in found.requests),
        _nonce(nonces[0]) if nonces else None,
    )


def from_path(text: str) -> bytes:
    """The request in the path of a GET (RFC 6960 A.1): base64, as clients have been seen to write
    it: with the alphabet of base64url, without padding, encoded twice, with a space for a plus or a
    slash before it. Raises PKIError (`ocsp.malformed`).
    """
    if len(text) > 2 * MOST_BYTES:
        raise _malformed(f"has more than {MOST_BYTES} bytes")
    bare = unquote(text).replace(" ", "+").replace("-", "+").replace("_", "/")
    bare = bare.lstrip("/").rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("is not base64") from error


def _cert_id(found: _CertID) -> CertID:
    algorithm = ALGORITHMS.get(found.algorithm.oid, "")
    return CertID(algorithm, found.name_hash, found.key_hash, found.serial)


def _nonce(value: bytes) -> bytes:
    try:
        nonce = asn1.decode_der(bytes, value)
    except ValueError as error:
        raise _malformed("has a nonce that is no OCTET STRING") from error
    if not 1 <= len(nonce) <= LONGEST_NONCE:
        raise _malformed(f"has a nonce that is not of 1 to {LONGEST_NONCE} octets (RFC 9654)")
    return nonce


def _require_understood(
    extensions: "list[_Extension] | tuple[()]", *, known: ObjectIdentifier | None
) -> None:
    """RFC 6960 §4.4: what is not known is ignored, unless it is critical."""
    if any(extension.critical and extension.oid != known for extension in extensions):
        raise _malformed("has a critical extension that is not known here")


def _malformed(what: str) -> PKIError:
    return PKIError(f"The OCSP request {what}.", code="ocsp.malformed")
