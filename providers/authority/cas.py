"""Certificates of CAs as drafts, and what is demanded of those that somebody brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from certmate.pki import constraints, lint
from certmate.pki.alt_names import AltNames
from certmate.pki.errors import PKIError
from certmate.pki.inspect import PARSE_ERRORS, load_certificate, load_chain
from certmate.pki.issue import Contents, ca_extensions, draft, new_serial, validity
from certmate.pki.keys import check_strength, describe, key_type_of
from certmate.pki.subject import from_name, to_name
from certmate.pki.usages import CA_USAGES
from providers.authority.building import Drafted, IssuingKey, serial_text, spki_of

T = TypeVar("T", bound=x509.ExtensionType)


@dataclass(frozen=True)
class CAWanted:
    """A CA's certificate that is to be signed. `path_length` is None for any length; `shards` are
    the CRLs of its own key, which has its certificate on one of them if it signs that itself.
    """

    subject: Mapping[str, str]
    public_key: PublicKeyTypes
    validity: timedelta
    path_length: int | None
    name_constraints: constraints.Constraints
    shards: range = range(1)


def draft_ca(wanted: CAWanted, key: IssuingKey | None, *, now: datetime) -> Drafted:
    """The certificate; signed by itself if there is no key above it. Raises PKIError."""
    issuer = key.issuer if key else None
    check_strength(wanted.public_key, more=True)
    begins, ends = validity(now, wanted.validity, issuer.certificate if issuer else None)
    serial = new_serial()
    shard = key.shard(serial) if key else wanted.shards[serial % len(wanted.shards)]
    extensions = ca_extensions(
        wanted.public_key,
        issuer,
        path_length=wanted.path_length,
        name_constraints=constraints.to_extension(wanted.name_constraints),
        crl_url=key.crl_url(shard) if key else "",
    )
    subject = to_name(wanted.subject)
    contents = Contents(subject, wanted.public_key, serial, begins, ends, extensions)
    drafted = draft(contents, issuer)
    facts = describe(wanted.public_key)
    lint.full(drafted, facts)
    return Drafted(
        frame=drafted.frame,
        serial=serial_text(serial),
        shard=shard,
        subject=wanted.subject,
        subject_text=subject.rfc4514_string(),
        key=facts,
        key_usage=CA_USAGES,
        alt_names=AltNames(),
        not_before=begins,
        not_after=ends,
    )


def path_below(certificate_pem: str) -> int | None:
    """How many CAs may follow below a CA below this one; None for any, -1 if none may be there.

    RFC 5280 §4.2.1.9.
    """
    found = _basic_constraints(load_certificate(certificate_pem))
    length = found.path_length if found else None
    return None if length is None else length - 1


@dataclass(frozen=True)
class BroughtCA:
    """A CA's certificate that somebody brought, after every check."""

    subject: dict[str, str]
    key_type: str
    path_length: int | None
    name_constraints: dict[str, dict[str, list[str]]]
    chain: str
    is_root: bool
    validity_days: int


def check_brought(cert: str, chain: str, public_key: PublicKeyTypes, now: datetime) -> BroughtCA:
    """What a certificate from outside says, if it makes this key a CA's.

    Raises PKIError (`authority.certificate`, `.key_mismatch`, `.chain`, `key.weak`).
    """
    certificate, above = load_certificate(cert), load_chain(chain)
    # Those above are read as well, later: their constraints bind whatever is signed.
    for field, one in (("certificate", certificate), *(("chain", ca) for ca in above)):
        _require_readable(one, field)
    if spki_of(certificate.public_key()) != spki_of(public_key):
        raise PKIError(
            "The certificate is for another key.",
            code="authority.key_mismatch",
            field="certificate",
        )
    _require_ca(certificate, now)
    check_strength(public_key, more=True)
    key_type = key_type_of(public_key)
    if key_type is None:
        raise PKIError("An RSA key of a CA has 2048, 3072 or 4096 bits.", code="key.weak")
    _require_chain([certificate, *above])
    limits = _extension(certificate, x509.NameConstraints)
    basic = _basic_constraints(certificate)
    return BroughtCA(
        subject=from_name(certificate.subject),
        key_type=key_type.value,
        path_length=basic.path_length if basic else None,
        name_constraints=constraints.from_extension(limits) if limits else {},
        chain=chain,
        is_root=certificate.issuer == certificate.subject and not above,
        validity_days=(certificate.not_valid_after_utc - certificate.not_valid_before_utc).days
        or 1,
    )


def public_key_of(csr: str) -> PublicKeyTypes:
    """The key in a CSR (PEM) of ours."""
    return x509.load_pem_x509_csr(csr.encode("ascii")).public_key()


def _require_readable(certificate: x509.Certificate, field: str) -> None:
    """Only now does the library look into most parts, such as for an extension that stands there
    twice.
    """
    try:
        _ = (certificate.extensions, certificate.public_key(), certificate.subject)
    except PARSE_ERRORS as error:
        raise PKIError(
            f"A certificate cannot be read: {error}", code="authority.certificate", field=field
        ) from error


def _require_ca(certificate: x509.Certificate, now: datetime) -> None:
    basic = _basic_constraints(certificate)
    usage = _extension(certificate, x509.KeyUsage)
    # RFC 5280 §4.2.1.2: the identifier has to be there in a CA's certificate.
    has_identifier = _extension(certificate, x509.SubjectKeyIdentifier) is not None
    if basic is None or not basic.ca or not has_identifier:
        raise _unfit("is not a CA's: it lacks CA:TRUE or its key identifier")
    if usage is not None and not (usage.key_cert_sign and usage.crl_sign):
        raise _unfit("does not allow its key to sign certificates and CRLs")
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise _unfit("is not valid now")


def _require_chain(chain: list[x509.Certificate]) -> None:
    top = chain[-1]
    for subject, issuer in pairwise([*chain, top] if top.issuer == top.subject else chain):
        try:
            subject.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
            raise PKIError(
                "The chain is not in order: a certificate is not signed by the one after it.",
                code="authority.chain",
                field="chain",
            ) from error


def _basic_constraints(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    return _extension(certificate, x509.BasicConstraints)


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _unfit(what: str) -> PKIError:
    return PKIError(f"The certificate {what}.", code="authority.certificate", field="certificate")
