"""From what somebody asks for to what an authority can sign: all checks that need no signature."""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.models import Team
from certmate.access.services import find_team
from certmate.core.errors import InvalidRequest, invalid_input
from certmate.core.tags import clean_tags
from certmate.core.texts import is_storable
from certmate.pki.alt_names import AltNames, parse_alt_names
from certmate.pki.keys import KeyType
from certmate.pki.names import safe_object_name, shown
from certmate.pki.requests import ClientRequest, parse_request
from certmate.pki.subject import parse_subject
from clients.choices import Method
from clients.models import ClientCertificate, Identity
from clients.services.ours import authority_of
from providers.authority.building import Leaf
from providers.models import Authority, AuthorityKey, Profile
from providers.services import resolve_authority, resolve_profile
from providers.services.profiles import LONGEST_DAYS
from providers.services.signing import signing_key
from storage import services as storage
from storage.models import StorageTarget

RESERVED = frozenset({"csr", "batch", "stats"})
"""Words that stand in the place of an identifier in addresses."""

SAN_KINDS = ("dns", "ip", "email", "uri")
_UNFIT = re.compile(r"[^a-z0-9._-]+")
_MAX_SLUG = 150
_TEXTS = (
    *("common_name", "identifier", "identity", "authority", "profile", "key_type", "csr"),
    *("storage", "team", "notes"),
)


@dataclass(frozen=True)
class ClientWish:
    """What a client certificate is asked to be; what is left empty follows from the rest."""

    common_name: str = ""
    identifier: str = ""
    identity: str = ""
    authority: str = ""
    profile: str = ""
    subject: Mapping[str, Any] = field(default_factory=dict)
    san: Mapping[str, Sequence[str]] = field(default_factory=dict)
    key_type: str = ""
    validity_days: int | None = None
    csr: str = ""
    storage: str = ""
    team: str = ""
    auto_renew: bool = True
    renewal_days: int | None = None
    tags: Sequence[str] = ()
    notes: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON keeps it; `ClientWish(**plain)` is the same wish."""
        return {**asdict(self), "tags": list(self.tags), "san": _plain_san(self.san)}


@dataclass(frozen=True)
class Frame:
    """What the wishes of one batch have in common, looked up once."""

    authority: Authority
    profile: Profile
    target: StorageTarget
    team: Team | None


@dataclass(frozen=True)
class Prepared:
    """A wish that can be drafted: the certificate, unsaved, and what is asked of the authority."""

    certificate: ClientCertificate
    subject: Mapping[str, str]
    alt_names: AltNames
    request: ClientRequest | None

    @cached_property
    def key(self) -> AuthorityKey:
        """The key of its authority that signs now, looked up once. Raises Conflict as `signing_key`
        does.
        """
        return signing_key(authority_of(self.certificate))

    def leaf(self, spki: bytes = b"") -> Leaf:
        """For the authority, with the public key of the certificate (DER) once there is one."""
        days = self.certificate.validity_days
        return Leaf(
            subject=self.subject,
            alt_names=self.alt_names,
            spki=spki,
            values={
                "identifier": self.certificate.identifier,
                "common_name": self.subject.get("CN", ""),
            },
            validity=None if days is None else timedelta(days=days),
        )


def frame_of(actor: Actor, wish: ClientWish, identity: Identity | None = None) -> Frame:
    """Authority, profile, storage target and team of a wish; an identity's team by default."""
    team = find_team(actor=actor, name=wish.team) if wish.team else None
    return Frame(
        authority=resolve_authority(actor=actor, name=wish.authority),
        profile=resolve_profile(actor=actor, name=wish.profile),
        target=storage.resolve_target(actor=actor, name=wish.storage),
        team=team or (identity.team if identity else None),
    )


def find_identity(actor: Actor, name: str) -> Identity | None:
    """The identity that holds a certificate; None for "". Raises InvalidRequest."""
    if not name:
        return None
    found = policy.visible(actor, Identity.objects.select_related("team")).filter(name=name).first()
    if found is None:
        raise InvalidRequest(
            f"There is no identity {name!r} that you may see.",
            code="identity.unknown",
            field="identity",
        )
    return found


def prepare(actor: Actor, wish: ClientWish) -> Prepared:
    """The wish resolved and checked. Raises InvalidRequest with the field that is wrong."""
    require_storable(wish)
    identity = find_identity(actor, wish.identity)
    return prepare_in(frame_of(actor, wish, identity), wish, identity=identity, actor=actor)


def prepare_in(
    frame: Frame, wish: ClientWish, *, identity: Identity | None, actor: Actor
) -> Prepared:
    """As `prepare`, where the wish's surroundings are known already; asks the database nothing."""
    _require_days(wish.validity_days)
    request = _request(wish.csr)
    subject, alt_names = _named(wish, identity, request)
    profile = frame.profile
    certificate = ClientCertificate(
        identifier=identifier_of(wish.identifier, _called(subject, alt_names)),
        identity=identity,
        authority=frame.authority,
        profile=profile,
        storage_target=frame.target,
        team=frame.team,
        certificate_type=profile.certificate_type,
        method=Method.CSR if request else Method.DIRECT,
        common_name=subject.get("CN", ""),
        subject=subject,
        alt_names=alt_names.as_dict(),
        key_type="" if request else _key_type(wish.key_type, profile),
        validity_days=wish.validity_days,
        csr=request.pem if request else "",
        auto_renew=wish.auto_renew,
        renewal_days=wish.renewal_days,
        tags=clean_tags(wish.tags) if wish.tags else [],
        notes=wish.notes,
        created_by=actor.user,
    )
    return Prepared(certificate, subject, alt_names, request)


def again(certificate: ClientCertificate, csr: str | None = None) -> Prepared:
    """What is asked for at a renewal: the same, with another CSR where one is brought."""
    request = _request(certificate.csr if csr is None else csr)
    alt_names = parse_alt_names(**certificate.alt_names)
    return Prepared(certificate, certificate.subject, alt_names, request)


def require_storable(wish: ClientWish) -> None:
    """Raises InvalidRequest with the field. Subject, names and tags have their own checks."""
    for name in _TEXTS:
        if not is_storable(getattr(wish, name)):
            raise InvalidRequest("It has a character that no text has.", field=name)


def identifier_of(given: str, common_name: str) -> str:
    """The identifier that was given, or one made of the common name.

    Raises InvalidRequest (`name.invalid`, `client.reserved`).
    """
    text = given.strip().lower() or _slug(common_name)
    if text in RESERVED:
        raise InvalidRequest(
            f"{text!r} is not an identifier: it stands for something else in addresses.",
            code="client.reserved",
            field="identifier",
        )
    with invalid_input("identifier" if given else "common_name"):
        if "*" in text or not text:
            safe_object_name("")
        return safe_object_name(text)


def unlike(identifier: str) -> str:
    """Another identifier, where the one that was made of the common name is taken."""
    return f"{identifier}-{secrets.token_hex(4)}"


def _called(subject: Mapping[str, str], alt_names: AltNames) -> str:
    """What the holder is called, whichever part of the certificate says it."""
    return subject.get("CN") or next(iter(alt_names.all()), "")


def _slug(common_name: str) -> str:
    return _UNFIT.sub("-", common_name.lower())[:_MAX_SLUG].strip("-._")


def _request(csr: str) -> ClientRequest | None:
    if not csr:
        return None
    with invalid_input("csr"):
        return parse_request(csr)


def _require_days(days: int | None) -> None:
    if days is not None and not 0 < days <= LONGEST_DAYS:
        raise InvalidRequest(
            f"1 to {LONGEST_DAYS} days.", code="profile.validity", field="validity_days"
        )


def _named(
    wish: ClientWish, identity: Identity | None, request: ClientRequest | None
) -> tuple[dict[str, str], AltNames]:
    """Subject and names: what the wish says goes before the CSR, and this before the identity."""
    fields: dict[str, Any] = {
        **(identity.subject if identity else {}),
        **(request.subject if request else {}),
        **wish.subject,
    }
    if wish.common_name:
        if fields.get("CN", wish.common_name) != wish.common_name and "CN" in wish.subject:
            raise InvalidRequest(
                "The common name and the subject's CN differ.",
                code="subject.invalid",
                field="common_name",
            )
        fields["CN"] = wish.common_name
    with invalid_input("subject"):
        subject = parse_subject(fields)
    if request is not None and not any(wish.san.values()):
        return subject, request.alt_names
    with invalid_input("san"):
        return subject, parse_alt_names(**_plain_san(wish.san))


def _plain_san(san: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    unknown = sorted(set(san) - set(SAN_KINDS))
    if unknown:
        raise InvalidRequest(
            f"The kinds of names are {', '.join(SAN_KINDS)}.",
            code="san.type",
            field=f"san.{shown(unknown[0][:40])}",
        )
    return {kind: list(san[kind]) for kind in SAN_KINDS if san.get(kind)}


def _key_type(wanted: str, profile: Profile) -> str:
    if not wanted:
        preferred = [kind for kind in (KeyType.EC256, KeyType.RSA3072) if kind in profile.key_types]
        return str((preferred or profile.key_types)[0])
    if wanted not in profile.key_types:
        raise InvalidRequest(
            f"The profile {profile.name} takes keys of these types: "
            f"{', '.join(profile.key_types)}.",
            code="profile.key_type",
            field="key_type",
        )
    return wanted
