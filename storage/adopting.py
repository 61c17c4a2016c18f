"""How the apps above take up bundles that are at a target and that their tables do not know."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.db import models

from certmate.access.actors import Actor
from certmate.access.services.approvals import is_needed
from certmate.access.verbs import Verb
from certmate.core.errors import Conflict
from certmate.pki.bundle import Bundle
from storage.backends.base import BundleRef, Kind
from storage.models import StorageTarget


@dataclass(frozen=True)
class Found:
    """Versions of a bundle at a target that nobody knows, the newest last; all their parts fit.

    `current` is the fingerprint of the version that readers of the target get. `issuer` is whom a
    certificate is from whose metadata names nobody who is here.
    """

    target: StorageTarget
    ref: BundleRef
    versions: tuple[Bundle, ...]
    current: str
    issuer: str = ""


@dataclass(frozen=True)
class Adopter:
    """`known` says which fingerprints are in the tables. `adopt` takes up what was found, with the
    rights of the actor, in a transaction; it raises what is wrong with this one bundle.
    """

    known: Callable[[Collection[str]], set[str]]
    adopt: Callable[[Actor, Found], None]


ADOPTERS: dict[Kind, Adopter] = {}


def text_of(bundle: Bundle, name: str) -> str:
    """What the metadata says, which anybody may have written who can write to the target."""
    value = bundle.metadata.get(name)
    return value if isinstance(value, str) and len(value) <= 200 and "\0" not in value else ""


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


def register(kind: Kind, adopter: Adopter) -> None:
    ADOPTERS[kind] = adopter
