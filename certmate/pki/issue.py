"""Certificates and CRLs built, but not signed: what is to be signed, with a throw-away signature.

A draft has the bytes that the authority's key shall sign. It can be read, linted and judged like
the finished thing, because it bears a signature of the same kind: by a throw-away key and over
something else, since nobody verifies it. `complete` puts the real signature in that one's place:
nothing else than the judged bytes is ever signed.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID

from certmate.pki import der
from certmate.pki.errors import PKIError
from certmate.pki.keys import KeyType, PrivateKey, key_type_of, new_key, signature_hash
from certmate.pki.signatures import check_signature
from certmate.pki.usages import CA_USAGES, key_usage

Extension = tuple[x509.ExtensionType, bool]
"""An extension, and whether it is critical."""

SERIAL_BITS = 159
"""RFC 5280 §4.1.2.2: positive and at most 20 octets. All of them random (CA/B BR 7.1)."""

_VERSION_3, _EXTENSIONS = bytes.fromhex("a003020102"), 0xA3
"""RFC 5280 §4.1: [0] and [3] of what is signed."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far notBefore lies back, for holders and verifiers whose clocks are slow."""


@dataclass(frozen=True)
class Issuer:
    """What a CA's certificate says to those that it signs; `urls` go into them."""

    certificate: x509.Certificate
    ca_issuers_url: str = ""
    ocsp_url: str = ""

    @cached_property
    def public_key(self) -> PublicKeyTypes:
        return self.certificate.public_key()

    @cached_property
    def key_identifier(self) -> bytes:
        extensions = self.certificate.extensions
        return extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest

    @cached_property
    def key_pointer(self) -> Extension:
        """RFC 5280 §4.2.1.1: the key identifier alone, which stays right when the issuer's
        certificate is renewed.
        """
        return x509.AuthorityKeyIdentifier(self.key_identifier, None, None), False

    @cached_property
    def subject(self) -> x509.Name:
        return self.certificate.subject

    @cached_property
    def name(self) -> bytes:
        """The subject in DER."""
        return self.subject.public_bytes()

    @cached_property
    def throw_away_signature(self) -> "ThrowAway":
        return throw_away_signature(self.public_key)

    @cached_property
    def validity(self) -> tuple[datetime, datetime]:
        return self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc


@dataclass(frozen=True)
class Contents:
    """All that distinguishes one certificate from another of its issuer."""

    subject: x509.Name
    public_key: PublicKeyTypes
    serial: int
    not_before: datetime
    not_after: datetime
    extensions: tuple[Extension, ...]


class ThrowAway(NamedTuple):
    """A signature that stands where a real one shall, and its AlgorithmIdentifier in DER."""

    algorithm: bytes
    signature: bytes


@dataclass(frozen=True)
class Draft:
    """A certificate before it is signed; `certificate` bears the throw-away signature."""

    certificate: x509.Certificate
    frame: der.Frame


def new_serial() -> int:
    return secrets.randbits(SERIAL_BITS) or 1


def key_identifier(spki: bytes) -> bytes:
    """RFC 7093 §2, method 1: 160 bits of the SHA-256 of the key's bits."""
    return hashlib.sha256(der.public_key_bits(spki)).digest()[:20]


def draft(contents: Contents, issuer: Issuer | None) -> Draft:
    """The certificate to be signed. Without an issuer it is its own: a root."""
    subject = contents.subject.public_bytes()
    if issuer is None:
        name, borrowed = subject, throw_away_signature(contents.public_key)
    else:
        name, borrowed = issuer.name, issuer.throw_away_signature
    times = der.time(contents.not_before) + der.time(contents.not_after)
    extensions = der.encoded(der.SEQUENCE, b"".join(map(_extension, contents.extensions)))
    # RFC 5280 §4.1.2; the builder of `cryptography` signs each draft, which takes twice as long.
    content = (
        _VERSION_3
        + der.integer(contents.serial)
        + borrowed.algorithm
        + name
        + der.encoded(der.SEQUENCE, times)
        + subject
        + contents.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        + der.encoded(_EXTENSIONS, extensions)
    )
    frame = der.Frame(der.encoded(der.SEQUENCE, content), borrowed.algorithm)
    return Draft(x509.load_der_x509_certificate(der.signed(frame, borrowed.signature)), frame)


@lru_cache(maxsize=256)
def _extension(extension: Extension) -> bytes:
    """RFC 5280 §4.1.2.9; one that is not critical does not say so (X.690 §11.5)."""
    value, critical = extension
    oid = der.object_identifier(value.oid.dotted_string)
    octets = der.encoded(der.OCTET_STRING, value.public_bytes())
    return der.encoded(der.SEQUENCE, oid + (der.TRUE if critical else b"") + octets)


def draft_request(subject: x509.Name, public_key: PublicKeyTypes) -> der.Frame:
    """A PKCS #10 request of a CA's key that signs elsewhere (RFC 2986 §4)."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    request = builder.sign(throw_away_key(public_key), signature_hash(public_key))
    frame = der.unsigned(request.public_bytes(Encoding.DER))
    spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der.Frame(der.with_part(frame.tbs, 2, spki), frame.algorithm)


def complete(frame: der.Frame, signature: bytes, issuer: Issuer | None) -> bytes:
    """The certificate in DER. Raises PKIError (`signature.invalid`) unless the issuer's key has
    made the signature: a key store that computes wrongly can give its key away.
    """
    whole = der.signed(frame, signature)
    signer = issuer.public_key if issuer else x509.load_der_x509_certificate(whole).public_key()
    try:
        check_signature(signer, signature, frame.tbs)
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise PKIError(
            "The authority's key has not made this signature.", code="signature.invalid"
        ) from error
    return whole


def validity(
    now: datetime, lifetime: timedelta, issuer: x509.Certificate | None
) -> tuple[datetime, datetime]:
    """notBefore and notAfter, both inclusive (RFC 5280 §4.1.2.5), within those of the issuer."""
    begins = now.replace(microsecond=0) - CLOCK_SKEW
    ends = now.replace(microsecond=0) + lifetime - timedelta(seconds=1)
    if issuer is not None:
        begins = max(begins, issuer.not_valid_before_utc)
        ends = min(ends, issuer.not_valid_after_utc)
    return begins, ends


def ca_extensions(
    public_key: PublicKeyTypes,
    issuer: Issuer | None,
    *,
    path_length: int | None,
    name_constraints: x509.NameConstraints | None,
    crl_url: str,
) -> tuple[Extension, ...]:
    """Those of a CA's certificate."""
    spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    own = key_identifier(spki)
    made: list[Extension] = [
        # RFC 5280 §4.2.1.9: critical in a CA's certificate.
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (key_usage(CA_USAGES), True),
        (x509.SubjectKeyIdentifier(own), False),
    ]
    if name_constraints is not None:
        # RFC 5280 §4.2.1.10: critical, and in CA certificates only.
        made.append((name_constraints, True))
    if issuer is not None:
        made += pointers(issuer, crl_url)
    else:
        made.append((x509.AuthorityKeyIdentifier(own, None, None), False))
    return tuple(made)


def pointers(issuer: Issuer, crl_url: str) -> list[Extension]:
    """Where to ask about the certificate and to find the issuer's own and its CRL, and which of the
    issuer's keys has signed.
    """
    made = [issuer.key_pointer]
    if crl_url:
        made.append((_distribution_points(crl_url), False))
    if issuer.ca_issuers_url or issuer.ocsp_url:
        made.append((_access(issuer.ca_issuers_url, issuer.ocsp_url), False))
    return made


@lru_cache(maxsize=256)
def _distribution_points(url: str) -> x509.CRLDistributionPoints:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return x509.CRLDistributionPoints([point])


@lru_cache(maxsize=256)
def _access(ca_issuers_url: str, ocsp_url: str) -> x509.AuthorityInformationAccess:
    """RFC 5280 §4.2.2.1: where OCSP answers, and where the issuer's certificate is, in DER."""
    places = (
        (AuthorityInformationAccessOID.OCSP, ocsp_url),
        (AuthorityInformationAccessOID.CA_ISSUERS, ca_issuers_url),
    )
    return x509.AuthorityInformationAccess(
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for method, url in places
        if url
    )


def throw_away_signature(like: PublicKeyTypes) -> ThrowAway:
    """One such as the holder of `like` makes."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = request.sign(throw_away_key(like), signature_hash(like))
    return ThrowAway(der.unsigned(signed.public_bytes(Encoding.DER)).algorithm, signed.signature)


def throw_away_key(like: PublicKeyTypes) -> PrivateKey:
    """A key that signs by the same algorithm as the holder of `like`. It protects nothing."""
    if isinstance(like, rsa.RSAPublicKey):
        return _throw_away(KeyType.RSA2048)
    found = key_type_of(like)
    if found is None:
        raise PKIError("An authority's key is RSA, EC, Ed25519 or ML-DSA.", code="key.weak")
    return _throw_away(found)


@lru_cache(maxsize=16)
def _throw_away(key_type: KeyType) -> PrivateKey:
    return new_key(key_type)
