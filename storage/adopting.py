"""How the apps above take up bundles that are at a target and that their tables do not know."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import models

from certmate.access.actors import Actor
from certmate.access.services.approvals import is_needed
from certmate.access.verbs import Verb
from certmate.core.errors import CertMateError, Conflict
from certmate.core.texts import is_storable
from certmate.pki.bundle import Bundle
from storage.backends.base import BundleRef, Kind
from storage.models import StorageTarget

Home = tuple[str, UUID]
"""The name of the certificate that a version is of, and its storage target."""

_LONGEST = 200


@dataclass(frozen=True)
class Found:
    """Versions of a bundle at a target that no table knows, whole, the newest last.

    `current` is the fingerprint of what readers of the target got at `looked_at`. `issuer` is whom
    a certificate is from whose metadata names nobody who is here; `auto_renew`, whether what nobody
    here can vouch for is renewed. What `is_legacy` was left by CertMate 2.x.
    """

    target: StorageTarget
    ref: BundleRef
    versions: tuple[Bundle, ...]
    current: str
    looked_at: datetime
    issuer: str = ""
    auto_renew: bool = False
    is_legacy: bool = False


@dataclass(frozen=True)
class Adopter:
    """Of certificates of one kind. Bundles are called by the field `named` of the `model`, whose
    `storage_target` is where they are.

    `known` says where the versions of these fingerprints are at home. `adopt` takes up what was
    found, with the rights of the actor, and returns what is wrong with versions that are not
    current; it raises what is wrong with the bundle.
    """

    model: type[models.Model]
    named: str
    known: Callable[[Collection[str]], Mapping[str, Sequence[Home]]]
    adopt: Callable[[Actor, Found], list[CertMateError]]


ADOPTERS: dict[Kind, Adopter] = {}


def register(kind: Kind, adopter: Adopter) -> None:
    ADOPTERS[kind] = adopter


def text_of(bundle: Bundle, name: str) -> str:
    """What the metadata says, which anybody may have written who can write to the target."""
    value = bundle.metadata.get(name)
    is_text = isinstance(value, str) and len(value) <= _LONGEST and is_storable(value)
    return str(value) if is_text else ""


def require_no_rule(certificate: models.Model) -> None:
    """Raise Conflict (`storage.approval_rule`) where somebody would have to approve of it: what is
    taken up is renewed, which would be a way around those people.
    """
    if is_needed(Verb.REQUEST, certificate):
        raise Conflict(
            "A rule wants approval for a certificate like this, and nobody is asked here. Switch "
            "the rule off while you rebuild.",
            code="storage.approval_rule",
        )


def take_up(found: Found, take: Callable[[Bundle], int]) -> tuple[list[int], list[CertMateError]]:
    """The numbers of the versions that `take` has made, and what was wrong with those that are not
    current; what is wrong with that one is raised.
    """
    numbers, faults = [], []
    for bundle in found.versions:
        try:
            numbers.append(take(bundle))
        except CertMateError as error:
            if bundle.fingerprint == found.current:
                raise
            faults.append(error)
    return numbers, faults


def require_home(target: StorageTarget, found: Found) -> None:
    """Raise Conflict (`storage.elsewhere`) if the certificate of this name has its bundles, as it
    is here, at another target than was looked at.
    """
    if target != found.target:
        raise Conflict(
            f"The certificate of this name has its bundles at {target}.", code="storage.elsewhere"
        )


def not_the_same() -> Conflict:
    return Conflict(
        "There is a certificate of this name, and what is stored is of another one.",
        code="storage.elsewhere",
    )


def require_unchanged(updated_at: datetime, found: Found) -> None:
    """Raise Conflict (`storage.taken`) if the certificate, whose row the caller holds, was written
    since the target was looked at: another version may be the current one by now.
    """
    if updated_at >= found.looked_at:
        raise Conflict(
            "The certificate was changed while its bundle was read; rebuild again.",
            code="storage.taken",
        )
