"""Profiles: made, changed, deleted, found; and the ones that come with CertMate."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core.deleting import delete_unused
from certmate.core.errors import Conflict, InvalidRequest, invalid_input
from certmate.pki import profiles as pki
from certmate.pki.keys import EXPERIMENTAL, KeyType
from certmate.pki.patterns import parse_patterns
from certmate.pki.subject import ATTRIBUTES
from certmate.pki.usages import parse_extended
from providers.models import Profile

DEFAULT = "client"
LONGEST_DAYS = 40 * 365

_FIELDS = (
    "description",
    "certificate_type",
    "key_usage",
    "extended_key_usage",
    "key_types",
    "default_days",
    "longest_days",
    "subject",
    "subject_fields",
    "alt_names",
    "needs_approval",
)


def create_profile(*, actor: Actor, name: str, **values: Any) -> Profile:
    """Make a profile of the fields of `Profile`. Raises InvalidRequest for rules without sense."""
    policy.require(actor, Verb.REQUEST, Profile)
    return _save(Profile(name=name, **_checked(values)))


def update_profile(*, actor: Actor, profile: Profile, **values: Any) -> Profile:
    """Change what is given. Certificates that were signed stay as they are."""
    policy.require(actor, Verb.CHANGE, profile)
    with transaction.atomic():
        profile = Profile.objects.select_for_update().get(pk=profile.pk)
        for field, value in _checked(values).items():
            setattr(profile, field, value)
        return _save(profile)


def delete_profile(*, actor: Actor, profile: Profile) -> None:
    """Raises Conflict (`profile.in_use`) while something is renewed by it."""
    policy.require(actor, Verb.DELETE, profile)
    in_use = Conflict(
        f"Certificates are renewed by {profile}; it cannot be deleted.", code="profile.in_use"
    )
    delete_unused(profile, in_use)


def resolve_profile(*, actor: Actor, name: str = "") -> Profile:
    """The profile of that name; without one `client`, which the actor need not see.

    Raises InvalidRequest (`profile.unknown`).
    """
    wanted = name or DEFAULT
    rows = Profile.objects.all()
    found = (policy.visible(actor, rows) if name else rows).filter(name=wanted).first()
    if found is None:
        raise InvalidRequest(
            f"There is no profile {wanted!r} that you may use.",
            code="profile.unknown",
            field="profile",
        )
    return found


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(values) - set(_FIELDS)
    if unknown:
        raise TypeError(f"A profile has no {', '.join(sorted(unknown))}.")
    found = dict(values)
    with invalid_input("extended_key_usage"):
        if "extended_key_usage" in found:
            found["extended_key_usage"] = list(parse_extended(found["extended_key_usage"]))
    with invalid_input("alt_names"):
        if "alt_names" in found:
            found["alt_names"] = parse_patterns(found["alt_names"])
    _require_known("key_types", found.get("key_types", ()), list(KeyType))
    _require_known("subject_fields", found.get("subject_fields", ()), list(ATTRIBUTES))
    _require_known("subject", found.get("subject", {}), list(ATTRIBUTES))
    return found


def _require_known(field: str, given: Sequence[str] | Mapping[str, str], known: list[str]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InvalidRequest(
            f"{str(unknown[0])[:40]!r} is not one of {', '.join(known)}.",
            code="profile.unknown_value",
            field=field,
        )


def _save(profile: Profile) -> Profile:
    profile.full_clean()
    for field in ("longest_days", "default_days"):
        if not 1 <= getattr(profile, field) <= LONGEST_DAYS:
            raise InvalidRequest(f"1 to {LONGEST_DAYS} days.", code="profile.validity", field=field)
    with invalid_input("subject"):
        pki.check(profile.rules)
    try:
        with transaction.atomic():
            profile.save()
    except IntegrityError as error:
        raise Conflict(
            f"There is a profile {profile.name} by now.", code="profile.exists", field="name"
        ) from error
    return profile


_ALL = [key_type.value for key_type in KeyType if key_type not in EXPERIMENTAL]
_SMALL = ["ec256", "ec384", "ed25519"]
_PEOPLE = ["CN", "O", "OU", "C", "ST", "L", "T", "GN", "SN", "SERIALNUMBER", "UID"]
_THINGS = ["CN", "O", "OU", "SERIALNUMBER", "UID"]

SEEDS: tuple[dict[str, Any], ...] = (
    {
        "name": "client",
        "description": "A person or program that signs in with TLS.",
        "certificate_type": "client",
        "key_usage": ["digitalSignature"],
        "extended_key_usage": ["clientAuth"],
        "key_types": _ALL,
        "default_days": 365,
        "longest_days": 825,
        "subject_fields": _PEOPLE,
        "alt_names": {"dns": ["*"], "email": ["*"], "uri": ["*"]},
    },
    {
        "name": "device",
        "description": "A machine that signs in with TLS, IPsec or 802.1X.",
        "certificate_type": "device",
        "key_usage": ["digitalSignature", "keyEncipherment"],
        "extended_key_usage": ["clientAuth"],
        "key_types": _ALL,
        "default_days": 365,
        "longest_days": 825,
        "subject_fields": _THINGS,
        "alt_names": {"dns": ["*"], "ip": ["*"], "uri": ["*"]},
    },
    {
        "name": "iot",
        "description": "A small thing with a small key that nobody visits often.",
        "certificate_type": "iot",
        "key_usage": ["digitalSignature"],
        "extended_key_usage": ["clientAuth"],
        "key_types": _SMALL,
        "default_days": 2 * 365,
        "longest_days": 10 * 365,
        "subject_fields": _THINGS,
        "alt_names": {"dns": ["*"], "uri": ["*"]},
    },
    {
        "name": "server",
        "description": "A TLS server inside the organisation.",
        "certificate_type": "server",
        "key_usage": ["digitalSignature", "keyEncipherment"],
        "extended_key_usage": ["serverAuth"],
        "key_types": _ALL,
        "default_days": 90,
        "longest_days": 398,
        "subject_fields": ["CN", "O", "OU", "C", "ST", "L"],
        "alt_names": {"dns": ["*"], "ip": ["*"]},
    },
    {
        "name": "mutual",
        "description": "A service that is server and client of others.",
        "certificate_type": "service",
        "key_usage": ["digitalSignature", "keyEncipherment"],
        "extended_key_usage": ["serverAuth", "clientAuth"],
        "key_types": _ALL,
        "default_days": 90,
        "longest_days": 398,
        "subject_fields": ["CN", "O", "OU"],
        "alt_names": {"dns": ["*"], "ip": ["*"], "uri": ["*"]},
    },
    {
        "name": "smime",
        "description": "Signed and encrypted e-mail (RFC 8550).",
        "certificate_type": "smime",
        "key_usage": ["digitalSignature", "nonRepudiation", "keyEncipherment", "keyAgreement"],
        "extended_key_usage": ["emailProtection"],
        "key_types": _ALL,
        "default_days": 365,
        "longest_days": 825,
        "subject_fields": _PEOPLE,
        "alt_names": {"email": ["*"]},
    },
    {
        "name": "code-signing",
        "description": "Signed programs; somebody else has to approve of each request.",
        "certificate_type": "code-signing",
        "key_usage": ["digitalSignature"],
        "extended_key_usage": ["codeSigning"],
        "key_types": ["rsa3072", "rsa4096", "ec256", "ec384", "ec521"],
        "default_days": 365,
        "longest_days": 1095,
        "subject_fields": ["CN", "O", "OU", "C", "ST", "L"],
        "needs_approval": True,
    },
)


def seed_profiles(**_: object) -> None:
    """Make the profiles of a fresh installation. Where there is any, nothing changes."""
    if not Profile.objects.exists():
        Profile.objects.bulk_create(Profile(**values) for values in SEEDS)
