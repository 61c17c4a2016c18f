"""Requests as other people's library writes them, answers as it reads them; pkilint looks at each
answer.
"""

import base64
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from django.test import Client

from certmate.core import clock
from providers.issuers import SignedLeaf
from providers.models import Authority, AuthorityKey, LedgerEntry

HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
}
REFUSALS = {
    ocsp.OCSPResponseStatus.MALFORMED_REQUEST: "malformedRequest",
    ocsp.OCSPResponseStatus.TRY_LATER: "tryLater",
    ocsp.OCSPResponseStatus.UNAUTHORIZED: "unauthorized",
    ocsp.OCSPResponseStatus.INTERNAL_ERROR: "internalError",
}


def request_for(
    key: AuthorityKey, serial: int, algorithm: str = "sha256", nonce: bytes | None = None
) -> bytes:
    issuer = x509.load_pem_x509_certificate(key.cert.encode())
    hash_ = HASHES[algorithm]
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        digest(issuer.subject.public_bytes(), hash_),
        digest(_bits(issuer), hash_),
        serial,
        hash_,
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def digest(data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    context = hashes.Hash(algorithm)
    context.update(data)
    return context.finalize()


def _bits(issuer: x509.Certificate) -> bytes:
    public = issuer.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@dataclass(frozen=True)
class Told:
    """An answer, in short: good, revoked, unknown or why there is none."""

    status: str
    http: Any
    response: ocsp.OCSPResponse


def ask(
    signed: SignedLeaf | LedgerEntry,
    algorithm: str = "sha256",
    *,
    nonce: bytes | None = None,
    by_get: bool = False,
    **headers: str,
) -> Told:
    """Ask at the authority's address about a certificate."""
    entry = signed.entry if isinstance(signed, SignedLeaf) else signed
    data = request_for(entry.key, int(entry.serial, 16), algorithm, nonce)
    return told(entry.key, send(entry.authority, data, by_get=by_get, **headers))


def send(authority: Authority, data: bytes, *, by_get: bool = False, **headers: str) -> Any:
    path = f"/pki/{authority.name}/ocsp"
    if by_get:
        text = quote(base64.b64encode(data).decode(), safe="")
        return Client().get(f"{path}/{text}", headers=headers)
    return Client().post(path, data, content_type="application/ocsp-request", headers=headers)


def told(key: AuthorityKey, answer: Any) -> Told:
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/ocsp-response"
    status, response = judged(key, answer.content)
    return Told(status, answer, response)


def judged(
    key: AuthorityKey, content: bytes, *, lint: bool = True
) -> tuple[str, ocsp.OCSPResponse]:
    """What an answer says, if pkilint has nothing against it and its signer is who he should be."""
    response = ocsp.load_der_ocsp_response(content)
    if response.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
        assert len(content) == 5
        return REFUSALS[response.response_status], response
    if lint:
        assert findings(content) == []
    _require_signed(key, response)
    return next(response.responses).certificate_status.name.lower(), response


def _require_signed(key: AuthorityKey, response: ocsp.OCSPResponse) -> None:
    (responder,) = response.certificates
    issuer = x509.load_pem_x509_certificate(key.cert.encode())
    responder.verify_directly_issued_by(issuer)
    wanted = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.OCSP_SIGNING])
    assert responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value == wanted
    assert not responder.extensions.get_extension_for_class(x509.OCSPNoCheck).critical
    public = responder.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    now = clock.now()
    for one in response.responses:
        assert one.this_update_utc <= now
        assert one.next_update_utc is not None
        assert now < one.next_update_utc <= responder.not_valid_after_utc


def findings(content: bytes) -> list[str]:
    """What pkilint finds in an answer, from warnings on."""
    from pkilint import loader

    document = loader.RFC6960OCSPResponseDocumentLoader().load_der_document(content, "answer")
    return sorted(
        described.finding.code
        for result in _validator().validate(document.root)
        for described in result.finding_descriptions
        if described.finding.severity.name in ("FATAL", "ERROR", "WARNING")
    )


@cache
def _validator() -> Any:
    from pkilint import pkix
    from pkilint.pkix import extension, name, ocsp

    return ocsp.create_pkix_ocsp_response_validator_container(
        [
            ocsp.create_response_decoder(),
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [],
    )
