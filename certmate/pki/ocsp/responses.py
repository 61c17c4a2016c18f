"""Answers to OCSP clients (RFC 6960 §4.2): what a responder's key shall sign, and what is sent.

A signed answer is kept without the responder's certificate, which is the same for thousands of them
and is put in when it is sent. Responders have keys on P-256, so there is one algorithm.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certmate.pki import der
from certmate.pki.issue import Issuer
from certmate.pki.ocsp.requests import CertID

ENUMERATED = 0x0A

_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_BASIC = bytes.fromhex("06092b0601050507300101")
_NONCE = bytes.fromhex("06092b0601050507300102")
# With NULL as parameters, as the clients that compare octets write it themselves.
_ALGORITHMS = {
    "sha1": bytes.fromhex("300906052b0e03021a0500"),
    "sha256": bytes.fromhex("300d06096086480165030402010500"),
}
_REASONS = {
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "privilegeWithdrawn": 9,
}


class Refusal(IntEnum):
    """What is answered without a signature (RFC 6960 §4.2.1)."""

    MALFORMED = 1
    INTERNAL = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6


class Status(NamedTuple):
    """Of one certificate: revoked at some time for a reason (RFC 5280's name), else good, unless it
    is unknown.
    """

    revoked_at: datetime | None = None
    reason: str = ""
    is_known: bool = True


GOOD, UNKNOWN = Status(), Status(is_known=False)


class IssuerID(NamedTuple):
    """By what clients name an issuer: its name and key under one hash."""

    algorithm: str
    name_hash: bytes
    key_hash: bytes

    def of(self, serial: int) -> CertID:
        return CertID(*self, serial)


class Period(NamedTuple):
    """From when until when answers are good."""

    begins: datetime
    ends: datetime


def issuer_ids(issuer: Issuer) -> tuple[IssuerID, ...]:
    """The issuer under each hash that we know it by."""
    # What stands in its certificates as their issuer, and is hashed by clients.
    name = issuer.subject.public_bytes()
    spki = issuer.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    bits = der.public_key_bits(spki)
    return tuple(
        IssuerID(algorithm, hash_of(algorithm, name), hash_of(algorithm, bits))
        for algorithm in _ALGORITHMS
    )


def hash_of(algorithm: str, data: bytes) -> bytes:
    """To find something by, not to trust it: SHA-1 will do."""
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()


def unsigned(
    responder: bytes,
    statuses: Sequence[tuple[CertID, Status]],
    period: Period,
    nonce: bytes | None = None,
) -> der.Frame:
    """What the responder shall sign. `responder` is its public key's bits (`der.public_key_bits`),
    by whose hash an answer names it (RFC 9919 §2.2.1).
    """
    produced = _time(period.begins)
    named = _responder_id(responder)
    until = der.encoded(0xA0, _time(period.ends))
    singles = b"".join(
        der.encoded(der.SEQUENCE, _cert_id(cert_id) + _status(status) + produced + until)
        for cert_id, status in statuses
    )
    data = named + produced + der.encoded(der.SEQUENCE, singles)
    if nonce is not None:
        data += der.encoded(0xA1, der.encoded(der.SEQUENCE, _nonce(nonce)))
    return der.Frame(der.encoded(der.SEQUENCE, data), _ECDSA_SHA256)


def successful(signed: bytes, certificate: bytes) -> bytes:
    """What is sent: a signed answer (`der.signed`) with the responder's certificate (DER)."""
    chain = der.encoded(0xA0, der.encoded(der.SEQUENCE, certificate))
    content = der.encoded(der.OCTET_STRING, der.with_last(signed, chain))
    whole = der.encoded(0xA0, der.encoded(der.SEQUENCE, _BASIC + content))
    return der.encoded(der.SEQUENCE, bytes((ENUMERATED, 1, 0)) + whole)


def refused(refusal: Refusal) -> bytes:
    """What is sent instead of an answer."""
    return der.encoded(der.SEQUENCE, bytes((ENUMERATED, 1, refusal)))


@lru_cache(maxsize=64)
def _responder_id(key: bytes) -> bytes:
    return der.encoded(0xA2, der.encoded(der.OCTET_STRING, hash_of("sha1", key)))


def _cert_id(cert_id: CertID) -> bytes:
    return der.encoded(
        der.SEQUENCE,
        _ALGORITHMS[cert_id.algorithm]
        + der.encoded(der.OCTET_STRING, cert_id.name_hash)
        + der.encoded(der.OCTET_STRING, cert_id.key_hash)
        + der.integer(cert_id.serial),
    )


def _status(status: Status) -> bytes:
    if not status.is_known:
        return b"\x82\0"
    if status.revoked_at is None:
        return b"\x80\0"
    content = _time(status.revoked_at)
    # As in a CRL (RFC 5280 §5.3.1), "unspecified" is said by leaving the reason out.
    if status.reason in _REASONS:
        content += der.encoded(0xA0, bytes((ENUMERATED, 1, _REASONS[status.reason])))
    return der.encoded(0xA1, content)


# The same in thousands of answers.
@lru_cache(maxsize=256)
def _time(at: datetime) -> bytes:
    """In whole seconds (RFC 9919 §2.2.4)."""
    return der.generalized_time(at)


def _nonce(nonce: bytes) -> bytes:
    value = der.encoded(der.OCTET_STRING, der.encoded(der.OCTET_STRING, nonce))
    return der.encoded(der.SEQUENCE, _NONCE + value)
