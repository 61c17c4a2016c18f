"""Is a certificate right by RFC 5280? Asked of every draft, before it is signed.

Twice: by rules of our own that cost microseconds and are applied to each one, and by pkilint, which
costs milliseconds and is asked once for each shape: the same issuer, extensions, kinds of names and
kind of key. What differs within a shape, the rules of our own cover.
"""

import logging
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from certmate.pki import der
from certmate.pki.alt_names import AltNames
from certmate.pki.errors import PKIError
from certmate.pki.issue import SERIAL_BITS, Draft, Issuer, key_identifier
from certmate.pki.keys import KeyFacts, signature_hash

logger = logging.getLogger(__name__)

_LEAF = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    }
)
_CRITICAL = frozenset({ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE})
_ISSUER, _PUBLIC_KEY = 3, 6
"""Their places in what is signed (RFC 5280 §4.1)."""

_SHAPES = 512

Shape = tuple[Any, ...]
"""What documents have in common of which pkilint needs to see one."""

_WRONG_FINDINGS = frozenset(
    {
        # Of every wildcard, which RFC 9525 §6.3 allows, and of names with one label.
        "pkix.invalid_domain_name_syntax",
        # Of every scheme that is not the web's, such as spiffe.
        "pkix.invalid_uri_syntax",
    }
)
"""Where pkilint is stricter than RFC 5280; `alt_names` has looked at these names itself."""


def exact(drafted: Draft, issuer: Issuer, names: AltNames, spki: bytes) -> None:
    """Check a leaf that is to be signed; `names` are those that it shall have, in their one form,
    and `spki` its public key in DER.

    Raises PKIError (`lint.failed`): it would be a fault of ours.
    """
    certificate = drafted.certificate
    parts = der.parts(drafted.frame.tbs)
    found = {extension.oid: extension for extension in certificate.extensions}
    has_subject = len(certificate.subject) > 0
    _require(certificate.version == x509.Version.v3, "version 3 (RFC 5280 §4.1.2.1)")
    _require(
        0 < certificate.serial_number < 2**SERIAL_BITS, "a positive serial (RFC 5280 §4.1.2.2)"
    )
    _require(parts[_ISSUER] == issuer.name, "the issuer's own name (RFC 5280 §4.1.2.4)")
    _require(found.keys() <= _LEAF, "the known extensions only")
    _require(has_subject or not names.is_empty, "a name (RFC 5280 §4.1.2.6)")
    _require(
        _names(found.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)) == names.general_names(),
        "exactly the names that were checked",
    )
    _require_validity(certificate, issuer)
    _require_criticality(found, has_subject)
    _require(parts[_PUBLIC_KEY] == spki, "the key that was asked for")
    _require_keys(certificate, found, issuer, spki)


def full(drafted: Draft, key: KeyFacts, names: AltNames | None = None) -> None:
    """Ask pkilint, unless it has seen this shape. Raises PKIError (`lint.failed`)."""
    ask_pkilint(
        "certificate",
        _shape(drafted.certificate, key, names),
        _validator,
        lambda: _load(drafted.certificate.public_bytes(Encoding.DER)),
    )


def load() -> None:
    """Load pkilint ahead of the first draft, where nobody shall wait for it."""
    from pkilint import loader  # noqa: F401

    _validator()


def ask_pkilint(
    noun: str, shape: Shape, validator: Callable[[], Any], load: Callable[[], Any]
) -> None:
    """Have the document that `load` reads judged, unless one of this shape was.

    Raises PKIError (`lint.failed`).
    """
    if (noun, shape) in _seen:
        return
    findings = _errors_of(validator(), load())
    if findings:
        logger.error("A %s fails pkilint: %s", noun, ", ".join(findings))
        raise PKIError(
            f"The {noun} would break a rule: {', '.join(findings[:5])}.", code="lint.failed"
        )
    if len(_seen) >= _SHAPES:
        _seen.clear()
    _seen.add((noun, shape))


def require(noun: str, holds: bool, what: str) -> None:
    """Raise PKIError (`lint.failed`) for a draft that has not what it should have."""
    if not holds:
        logger.error("A %s has not: %s", noun, what)
        raise PKIError(f"The {noun} would not have {what}.", code="lint.failed")


_seen: set[tuple[str, Shape]] = set()
_require = partial(require, "certificate")


def _shape(certificate: x509.Certificate, key: KeyFacts, names: AltNames | None) -> tuple[Any, ...]:
    return (
        certificate.issuer,
        tuple(attribute.oid for attribute in certificate.subject),
        key.algorithm,
        key.size,
        tuple((e.oid, e.critical) for e in certificate.extensions),
        tuple(sorted(names.as_dict())) if names else None,
        certificate.not_valid_after_utc.year < 2050,
    )


def _names(extension: x509.Extension[Any] | None) -> list[x509.GeneralName]:
    return [] if extension is None else list(extension.value)


def _require_validity(certificate: x509.Certificate, issuer: Issuer) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    earliest, latest = issuer.validity
    _require(begins < ends, "a time in which it is valid")
    # Not demanded by RFC 5280, but a chain is only as long-lived as its shortest.
    _require(
        earliest <= begins and ends <= latest,
        "a validity within the issuer's",
    )


def _require_criticality(found: dict[Any, x509.Extension[Any]], has_subject: bool) -> None:
    critical = {oid for oid, extension in found.items() if extension.critical}
    has_names = ExtensionOID.SUBJECT_ALTERNATIVE_NAME in found
    # RFC 5280 §4.2.1.6: the names are critical if and only if the subject is empty.
    wanted = _CRITICAL | (
        {ExtensionOID.SUBJECT_ALTERNATIVE_NAME} if has_names and not has_subject else set()
    )
    _require(critical == wanted, "exactly the critical extensions of RFC 5280 §4.2.1")
    constraints = found[ExtensionOID.BASIC_CONSTRAINTS].value
    _require(constraints.ca is False, "CA:FALSE (RFC 5280 §4.2.1.9)")


def _require_keys(
    certificate: x509.Certificate,
    found: dict[Any, x509.Extension[Any]],
    issuer: Issuer,
    spki: bytes,
) -> None:
    own = found[ExtensionOID.SUBJECT_KEY_IDENTIFIER].value.digest
    theirs = found[ExtensionOID.AUTHORITY_KEY_IDENTIFIER].value.key_identifier
    usage = found[ExtensionOID.KEY_USAGE].value
    _require(own == key_identifier(spki), "its own key identifier")
    # RFC 5280 §4.2.1.1: equal to the issuer's subject key identifier.
    _require(theirs == issuer.key_identifier, "the issuer's key identifier")
    _require(not (usage.key_cert_sign or usage.crl_sign), "a leaf's key usage (RFC 5280 §4.2.1.3)")
    wanted = signature_hash(issuer.public_key)
    found_hash = certificate.signature_hash_algorithm
    _require(
        (found_hash.name if found_hash else None) == (wanted.name if wanted else None),
        "the signature algorithm of the issuer's key",
    )


def _errors_of(validator: Any, root: Any) -> list[str]:
    """The codes of the errors that pkilint finds in a document that it has loaded."""
    return sorted(
        {
            described.finding.code
            for result in validator.validate(root)
            for described in result.finding_descriptions
            if described.finding.severity.name in ("ERROR", "FATAL")
            and described.finding.code not in _WRONG_FINDINGS
        }
    )


def _load(der: bytes) -> Any:
    from pkilint import loader

    return loader.RFC5280CertificateDocumentLoader().load_der_document(der, "draft").root


@lru_cache(maxsize=1)
def _validator() -> Any:
    """Built on first use: it takes 10 MB and 0.2 s, and many processes never sign."""
    from pkilint.pkix import certificate, extension, name

    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )
