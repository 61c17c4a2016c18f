"""Leaf certificates of an authority as drafts: built, linted and judged, not signed.

Plain Python without a database, so that a batch can do it in a process of its own.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from certmate.pki import constraints, lint, profiles
from certmate.pki.alt_names import AltNames
from certmate.pki.der import Frame
from certmate.pki.errors import PKIError
from certmate.pki.inspect import load_chain, whole_octets
from certmate.pki.issue import Contents, Draft, Issuer, draft, new_serial, validity
from certmate.pki.keys import KeyFacts, KeyType, describe, new_key
from certmate.pki.profiles import Profile
from certmate.pki.subject import to_name


@dataclass(frozen=True)
class IssuingKey:
    """A key of an authority as it stands in what it signs. `chain` are all CAs above it (PEM).

    `url` is where the authority's public files are, without a slash at its end.
    """

    cert: str
    chain: str
    number: int
    url: str
    first_shard: int
    shards: int
    has_ocsp: bool = False

    def __reduce__(self) -> tuple[type["IssuingKey"], tuple[Any, ...]]:
        """To another process without what was parsed on the way, which cannot go there."""
        return IssuingKey, astuple(self)

    @cached_property
    def issuer(self) -> Issuer:
        (certificate,) = load_chain(self.cert)
        ocsp_url = self.ocsp_url if self.has_ocsp else ""
        return Issuer(certificate, f"{self.url}/ca/{self.number}.cer", ocsp_url)

    @cached_property
    def constraints(self) -> tuple[constraints.Constraints, ...]:
        """Those of this CA and of all above it: a name has to satisfy each."""
        found = []
        for certificate in load_chain(self.cert + self.chain):
            for extension in certificate.extensions:
                if isinstance(extension.value, x509.NameConstraints):
                    found.append(constraints.from_extension(extension.value))
        return tuple(found)

    @property
    def ocsp_url(self) -> str:
        """Where clients ask, in certificates only if they are answered."""
        return f"{self.url}/ocsp"

    def shard(self, serial: int) -> int:
        """The CRL that a certificate with this serial number is on, for its whole life."""
        return self.first_shard + serial % self.shards

    def crl_url(self, shard: int) -> str:
        return f"{self.url}/crl/{shard}.crl"


@dataclass(frozen=True)
class Leaf:
    """A certificate that is asked for. `values` fill the placeholders of the profile's template."""

    subject: Mapping[str, str]
    alt_names: AltNames
    spki: bytes
    values: Mapping[str, str]
    validity: timedelta | None = None


@dataclass(frozen=True)
class Drafted:
    """What is to be signed, with what the ledger says of it."""

    frame: Frame
    serial: str
    shard: int
    subject: Mapping[str, str]
    subject_text: str
    key: KeyFacts
    key_usage: frozenset[str]
    alt_names: AltNames
    not_before: datetime
    not_after: datetime

    @property
    def public_key_hash(self) -> str:
        return self.key.spki_sha256


def draft_leaf(
    key: IssuingKey,
    profile: Profile,
    leaf: Leaf,
    *,
    now: datetime,
    public_key: PublicKeyTypes | None = None,
) -> Drafted:
    """Build the certificate, and refuse what the profile, the authority or RFC 5280 does not allow.

    Raises PKIError with the field of the request. `public_key` is that of `spki`, if it was parsed.
    """
    issuer = key.issuer
    loaded = public_key or load_der_public_key(leaf.spki)
    subject = profiles.subject(profile, leaf.subject, leaf.values)
    if not subject and leaf.alt_names.is_empty:
        raise _nameless()
    serial = new_serial()
    shard = key.shard(serial)
    lifetime = profile.default_validity if leaf.validity is None else leaf.validity
    _require_lifetime(profile, lifetime)
    begins, ends = validity(now, lifetime, issuer.certificate)
    if ends <= now:
        raise PKIError(
            "The authority's certificate has expired; rotate its key.", code="authority.expired"
        )
    extensions = profiles.extensions(
        profile,
        loaded,
        leaf.spki,
        leaf.alt_names,
        issuer,
        crl_url=key.crl_url(shard),
        has_subject=bool(subject),
    )
    contents = Contents(to_name(subject), loaded, serial, begins, ends, extensions)
    drafted = draft(contents, issuer)
    facts = describe(loaded, leaf.spki)
    _judge(key, profile, drafted, leaf, facts)
    _obey_constraints(key, leaf.alt_names, subject.get("CN", ""))
    return Drafted(
        frame=drafted.frame,
        serial=serial_text(serial),
        shard=shard,
        subject=subject,
        subject_text=contents.subject.rfc4514_string(),
        key=facts,
        key_usage=profiles.key_usage(profile, loaded),
        alt_names=leaf.alt_names,
        not_before=begins,
        not_after=ends,
    )


def check_asked(key: IssuingKey, profile: Profile, leaf: Leaf) -> None:
    """Refuse what `draft_leaf` would refuse whatever the key is, at a tenth of its cost."""
    lifetime = profile.default_validity if leaf.validity is None else leaf.validity
    _require_lifetime(profile, lifetime)
    subject = profiles.subject(profile, leaf.subject, leaf.values)
    if not subject and leaf.alt_names.is_empty:
        raise _nameless()
    profiles.judge_names(profile, subject, leaf.alt_names)
    _obey_constraints(key, leaf.alt_names, subject.get("CN", ""))


def _judge(key: IssuingKey, profile: Profile, drafted: Draft, leaf: Leaf, facts: KeyFacts) -> None:
    """From here on the draft counts, and no longer what was asked for."""
    names = leaf.alt_names
    lint.exact(drafted, key.issuer, names, leaf.spki)
    profiles.judge(profile, drafted.certificate, names, leaf.values)
    lint.full(drafted, facts, names)


def _obey_constraints(key: IssuingKey, names: AltNames, common_name: str) -> None:
    for limits in key.constraints:
        violation = constraints.first_violation(limits, names, common_name)
        if violation is not None:
            kind, name = violation
            raise PKIError(
                f"{name} is outside of the authority's name constraints.",
                code="authority.name_constraints",
                field=f"san.{kind}",
            )


def _nameless() -> PKIError:
    return PKIError(
        "Name the holder: a common name or an alternative name.",
        code="subject.empty",
        field="common_name",
    )


def _require_lifetime(profile: Profile, lifetime: timedelta) -> None:
    if not timedelta(0) < lifetime <= profile.longest_validity:
        raise PKIError(
            f"The profile {profile.name} allows 1 to {profile.longest_validity.days} days.",
            code="profile.validity",
            field="validity_days",
        )


def spki_of(public_key: PublicKeyTypes) -> bytes:
    """The SubjectPublicKeyInfo in DER."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@cache
def sample_spki(key_type: KeyType) -> bytes:
    """Of a key that nobody has, to draft with before there is one."""
    return spki_of(new_key(key_type).public_key())


def spki_hash(public_key: PublicKeyTypes) -> str:
    return describe(public_key).spki_sha256


def serial_text(serial: int) -> str:
    """Whole octets in hexadecimal, as `openssl x509 -serial` prints them, in lower case."""
    return whole_octets(f"{serial:x}")
