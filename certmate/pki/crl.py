"""Certificate revocation lists (RFC 5280 §5), built but not signed, as certificates are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from certmate.pki import der
from certmate.pki.errors import PKIError
from certmate.pki.issue import Issuer, throw_away_key
from certmate.pki.keys import signature_hash


@dataclass(frozen=True)
class Revoked:
    """One entry. `reason` is RFC 5280's name; `invalidity_at` is when the key may have leaked."""

    serial: int
    revoked_at: datetime
    reason: str
    invalidity_at: datetime | None = None


def draft_crl(
    issuer: Issuer,
    revoked: Iterable[Revoked],
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
    shard_url: str = "",
) -> der.Frame:
    """What the issuer's key shall sign.

    `shard_url` is the address in the certificates that this CRL is about; without it the CRL is
    about all of the issuer's, also about those that name no address, such as a root's own.
    """
    key = x509.AuthorityKeyIdentifier(issuer.key_identifier, None, None)
    extensions = [
        x509.Extension(key.oid, False, key),
        x509.Extension(x509.CRLNumber.oid, False, x509.CRLNumber(number)),
    ]
    if shard_url:
        point = _distribution_point(shard_url)
        # RFC 5280 §5.2.5: critical, and with the name that stands in the certificates.
        extensions.append(x509.Extension(point.oid, True, point))
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=issuer.certificate.subject,
        last_update=this_update.replace(tzinfo=None, microsecond=0),
        next_update=next_update.replace(tzinfo=None, microsecond=0),
        extensions=extensions,
        # Given whole: added one by one, each would copy those before it.
        revoked_certificates=[_entry(one) for one in revoked],
    )
    signer = issuer.public_key
    drafted = builder.sign(throw_away_key(signer), signature_hash(signer))
    return der.unsigned(drafted.public_bytes(Encoding.DER))


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


def _entry(one: Revoked) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(one.serial)
        .revocation_date(one.revoked_at.replace(tzinfo=None, microsecond=0))
    )
    # RFC 5280 §5.3.1: "unspecified" is said by leaving the reason out.
    if one.reason != "unspecified":
        builder = builder.add_extension(x509.CRLReason(x509.ReasonFlags(one.reason)), False)
    if one.invalidity_at is not None:
        at = one.invalidity_at.replace(tzinfo=None, microsecond=0)
        builder = builder.add_extension(x509.InvalidityDate(at), False)
    return builder.build()
