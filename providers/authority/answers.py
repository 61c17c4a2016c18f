"""OCSP answers about many certificates at once, plain Python for a process of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from certmate.pki.der import signed
from certmate.pki.ocsp.requests import CertID
from certmate.pki.ocsp.responses import IssuerID, Period, Status, unsigned
from providers.authority.custody.base import Signer
from providers.authority.custody.database import DATABASE
from providers.authority.responders import key_bits

CUSTODY = DATABASE
"""Whatever keeps the authority's own key: a responder's signs thousands of times an hour."""

About = tuple[int, Status]
"""A serial number, and what is true of it."""


def sign_all(
    stored: Mapping[str, Any], ids: Sequence[IssuerID], wanted: Sequence[About], period: Period
) -> list[list[bytes]]:
    """About each certificate an answer for each way to name its issuer."""
    signer = CUSTODY.open(stored, "")
    bits = key_bits(signer.public_key)
    return [
        [sign(signer, bits, [(issuer.of(serial), status)], period) for issuer in ids]
        for serial, status in wanted
    ]


def sign(
    signer: Signer,
    bits: bytes,
    statuses: Sequence[tuple[CertID, Status]],
    period: Period,
    nonce: bytes | None = None,
) -> bytes:
    """The signed answer, without the responder's certificate; `bits` are those of its key.

    The signature is not verified, which would cost thrice as much: a fault in one tells a key that
    lives a month and signs nothing else, not the authority's.
    """
    frame = unsigned(bits, statuses, period, nonce)
    return signed(frame, signer.sign(frame.tbs))
