"""Is a CRL right by RFC 5280? Asked of every draft, before it is signed.

As with certificates, twice: what it says is read by another parser than wrote it, and held against
what it shall say, entry by entry; pkilint, at 77 µs an entry, sees each shape once, with an entry
of each kind.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from cryptography import x509

from certmate.pki import der
from certmate.pki.crl import CRLFacts, Revoked, draft_crl, extensions
from certmate.pki.issue import SERIAL_BITS, Issuer
from certmate.pki.lint import ask_pkilint, require

_REMOVED = "removeFromCRL"
_require = partial(require, "CRL")


def check(frame: der.Frame, issuer: Issuer, facts: CRLFacts, revoked: Sequence[Revoked]) -> None:
    """Hold a CRL that is to be signed against what it shall say, and against RFC 5280.

    Raises PKIError (`lint.failed`): it would be a fault of ours.
    """
    read = x509.load_der_x509_crl(der.signed(frame, b""))
    _require(read.issuer == issuer.subject, "the issuer's own name (RFC 5280 §5.1.2.3)")
    _require(
        (read.last_update_utc, read.next_update_utc)
        == (_second(facts.this_update), _second(facts.next_update)),
        "its own times",
    )
    _require(facts.this_update < facts.next_update, "a time in which it is valid")
    _require(
        [(one.value, one.critical) for one in read.extensions] == extensions(issuer, facts),
        "exactly its own extensions (RFC 5280 §5.2)",
    )
    _check_entries(read, facts, revoked)
    _check_shape(issuer, facts, revoked)


def _check_entries(
    read: x509.CertificateRevocationList, facts: CRLFacts, revoked: Sequence[Revoked]
) -> None:
    # One after the other: what is read of an entry takes a hundred times its bytes.
    is_same = len(read) == len(revoked) and all(map(_says, read, revoked))
    _require(is_same, "exactly the entries of the ledger")
    serials = {one.serial for one in revoked}
    _require(len(serials) == len(revoked), "each serial number once")
    _require(all(0 < one < 2**SERIAL_BITS for one in serials), "positive serial numbers")
    _require(
        facts.base_number is not None or all(one.reason != _REMOVED for one in revoked),
        "only revocations in a full CRL (RFC 5280 §5.3.1)",
    )


def _says(read: x509.RevokedCertificate, one: Revoked) -> bool:
    return (
        read.serial_number == one.serial
        and read.revocation_date_utc == _second(one.revoked_at)
        and _details(read.extensions) == (one.reason, _second(one.invalidity_at))
    )


def _second(at: datetime | None) -> datetime | None:
    return at.replace(microsecond=0) if at and at.microsecond else at


def _details(found: x509.Extensions) -> tuple[str, Any]:
    reason, invalidity = "unspecified", None
    for one in found:
        if isinstance(one.value, x509.CRLReason):
            reason = one.value.reason.value
        elif isinstance(one.value, x509.InvalidityDate):
            invalidity = one.value.invalidity_date_utc
    return reason, invalidity


def _check_shape(issuer: Issuer, facts: CRLFacts, revoked: Sequence[Revoked]) -> None:
    kinds = {(one.reason, one.invalidity_at is not None): one for one in revoked}
    shape = (
        issuer.subject,
        issuer.key_identifier,
        bool(facts.shard_url),
        bool(facts.freshest_url),
        facts.base_number is not None,
        frozenset(kinds),
    )

    def sample() -> Any:
        drafted = draft_crl(issuer, facts, kinds.values())
        return _load(der.signed(drafted, b"\0" * 64))

    ask_pkilint("CRL", shape, _validator, sample)


def _load(content: bytes) -> Any:
    from pkilint import loader

    return loader.RFC5280CertificateListDocumentLoader().load_der_document(content, "draft").root


@lru_cache(maxsize=1)
def _validator() -> Any:
    from pkilint import pkix
    from pkilint.pkix import crl, extension, name

    return crl.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([]),
            crl.create_extensions_validator_container([]),
        ],
    )
