"""Certificate revocation lists (RFC 5280 §5), built but not signed, as certificates are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from certmate.pki import der
from certmate.pki.errors import PKIError
from certmate.pki.inspect import PARSE_ERRORS
from certmate.pki.issue import Extension, Issuer, throw_away_key
from certmate.pki.keys import signature_hash

REASONS = {
    flag.value: der.encoded(
        der.SEQUENCE,
        # 2.5.29.21, cRLReason
        b"\x06\x03\x55\x1d\x15"
        + der.encoded(der.OCTET_STRING, x509.CRLReason(flag).public_bytes()),
    )
    for flag in x509.ReasonFlags
    # RFC 5280 §5.3.1: "unspecified" is said by leaving the reason out.
    if flag != x509.ReasonFlags.unspecified
}
"""The extension of an entry for each reason, by its name in RFC 5280."""

_AFTER_NEXT_UPDATE = 5


class Revoked(NamedTuple):
    """One entry. `reason` is RFC 5280's name; `invalidity_at` is when the key may have leaked."""

    serial: int
    revoked_at: datetime
    reason: str
    invalidity_at: datetime | None = None


@dataclass(frozen=True)
class CRLFacts:
    """All of a CRL but its entries.

    `shard_url` is the address in the certificates that this CRL is about; without it the CRL is
    about all of the issuer's, also about those that name no address, such as a root's own.
    `freshest_url` is where its delta CRL is. With a `base_number` it is a delta CRL itself: what
    has changed since the full CRL of that number.
    """

    number: int
    this_update: datetime
    next_update: datetime
    shard_url: str = ""
    freshest_url: str = ""
    base_number: int | None = None


def draft_crl(issuer: Issuer, facts: CRLFacts, revoked: Iterable[Revoked]) -> der.Frame:
    """What the issuer's key shall sign."""
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=issuer.certificate.subject,
        last_update=facts.this_update.replace(tzinfo=None, microsecond=0),
        next_update=facts.next_update.replace(tzinfo=None, microsecond=0),
        extensions=[
            x509.Extension(value.oid, critical, value)
            for value, critical in extensions(issuer, facts)
        ],
    )
    signer = issuer.public_key
    drafted = builder.sign(throw_away_key(signer), signature_hash(signer))
    frame = der.unsigned(drafted.public_bytes(Encoding.DER))
    # A million entries take seconds here, and many times that as objects of the library.
    entries = b"".join([_entry(one) for one in revoked])
    if not entries:  # RFC 5280 §5.1.2.6: then the list is left out.
        return frame
    listed = der.encoded(der.SEQUENCE, entries)
    return der.Frame(der.with_more(frame.tbs, _AFTER_NEXT_UPDATE, listed), frame.algorithm)


def complete_crl(frame: der.Frame, signature: bytes, issuer: Issuer) -> bytes:
    """The CRL in DER. Raises PKIError (`signature.invalid`) unless the issuer's key has signed."""
    whole = der.signed(frame, signature)
    try:
        is_valid = x509.load_der_x509_crl(whole).is_signature_valid(issuer.public_key)  # type: ignore[arg-type]
    except (ValueError, TypeError, InvalidSignature):
        is_valid = False
    if not is_valid:
        raise PKIError("The authority's key has not made this signature.", code="signature.invalid")
    return whole


@dataclass(frozen=True)
class CRLRead:
    """What somebody else has to believe of a CRL."""

    number: int
    base_number: int | None
    next_update: datetime


def read_crl(content: bytes, issuer: Issuer) -> CRLRead:
    """Read a CRL (DER) as a verifier does. Raises PKIError (`crl.malformed`, `signature.invalid`)
    unless it can be read and the issuer's key has signed it.
    """
    try:
        read = x509.load_der_x509_crl(content)
        number = read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        deltas = [e.value for e in read.extensions if isinstance(e.value, x509.DeltaCRLIndicator)]
    except (*PARSE_ERRORS, x509.ExtensionNotFound) as error:
        raise PKIError(f"This is no CRL: {error}", code="crl.malformed") from error
    if read.next_update_utc is None:
        raise PKIError("The CRL has no nextUpdate.", code="crl.malformed")
    if not read.is_signature_valid(issuer.public_key):  # type: ignore[arg-type]
        raise PKIError("The authority's key has not signed this CRL.", code="signature.invalid")
    base = deltas[0].crl_number if deltas else None
    return CRLRead(number, base, read.next_update_utc)


def extensions(issuer: Issuer, facts: CRLFacts) -> list[Extension]:
    """Those of RFC 5280 §5.2, and whether each is critical."""
    found: list[Extension] = [
        issuer.key_pointer,
        (x509.CRLNumber(facts.number), False),
    ]
    if facts.base_number is not None:
        found.append((x509.DeltaCRLIndicator(facts.base_number), True))
    if facts.shard_url:
        # RFC 5280 §5.2.5: critical, and with the name that stands in the certificates.
        found.append((_distribution_point(facts.shard_url), True))
    if facts.freshest_url:
        found.append((_freshest(facts.freshest_url), False))
    return found


def _distribution_point(url: str) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(url)],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )


def _freshest(url: str) -> x509.FreshestCRL:
    name = x509.UniformResourceIdentifier(url)
    return x509.FreshestCRL([x509.DistributionPoint([name], None, None, None)])


def _entry(one: Revoked) -> bytes:
    details = REASONS.get(one.reason, b"")
    if one.invalidity_at is not None:
        details += _invalidity(one.invalidity_at)
    return der.encoded(
        der.SEQUENCE,
        der.integer(one.serial)
        + der.time(one.revoked_at)
        + (der.encoded(der.SEQUENCE, details) if details else b""),
    )


def _invalidity(at: datetime) -> bytes:
    value = der.encoded(der.OCTET_STRING, der.generalized_time(at))
    # 2.5.29.24, invalidityDate
    return der.encoded(der.SEQUENCE, b"\x06\x03\x55\x1d\x18" + value)
