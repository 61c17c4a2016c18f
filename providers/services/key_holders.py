"""Whose a public key is: for whom it is certified, and whom it concerns that it was compromised.

A CSR is public and can be sent again by anybody, so that somebody brings one says nothing about who
has the key. It belongs to whoever the ledger has it for, until that is revoked for good.
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from django.db import models
from django.db.models import Q

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.core.errors import Conflict
from certmate.core.relations import references_to
from providers.choices import EntryKind, EntryState, RevocationReason
from providers.models import AuthorityKey, LedgerEntry
from providers.services.ledger import blocked, compromised

Certified = tuple[str, str]
"""The SHA-256 of a public key, and the holder that the ledger is to have it for."""

_LASTING = Q(revocation=None) | Q(revocation__reason=RevocationReason.CERTIFICATE_HOLD)
"""Lines that are not revoked for good. One that has expired is still its holder's: whoever is late
with a renewal must not lose his key.
"""


def require_certifiable(wanted: Iterable[Certified]) -> None:
    """Raise Conflict (`key.blocked`, `key.authority`, `key.other_holder`) for the first of the keys
    that no leaf may have, or not this holder's.
    """
    for refusal in refusals(wanted).values():
        raise refusal


def refusals(wanted: Iterable[Certified]) -> dict[Certified, Conflict]:
    """Why those of them that must not be certified are refused. Of several holders that want a key
    which nobody has yet it is the first one's.
    """
    pairs = list(wanted)
    hashes = {public_key for public_key, _ in pairs}
    if not hashes:
        return {}
    bad, (own, holders) = blocked(hashes), _known(hashes)
    found: dict[Certified, Conflict] = {}
    for public_key, holder in pairs:
        if public_key in bad:
            found[public_key, holder] = compromised()
        elif public_key in own:
            found[public_key, holder] = _of_an_authority()
        elif holder not in holders.setdefault(public_key, {holder}):
            found[public_key, holder] = _of_another()
    return found


def _known(hashes: Set[str]) -> tuple[set[str], dict[str, set[str]]]:
    """The keys that authorities and their responders have, and who holds the others."""
    keys = AuthorityKey.objects.filter(public_key_hash__in=hashes)
    own = set(keys.values_list("public_key_hash", flat=True))
    holders: dict[str, set[str]] = {}
    lines = LedgerEntry.objects.filter(public_key_hash__in=hashes).order_by().distinct()
    lines = lines.exclude(state=EntryState.ABANDONED).filter(_LASTING | ~Q(kind=EntryKind.LEAF))
    for public_key, kind, holder in lines.values_list("public_key_hash", "kind", "holder"):
        if kind != EntryKind.LEAF:
            own.add(public_key)
        holders.setdefault(public_key, set()).add(holder)
    return own, holders


def _of_an_authority() -> Conflict:
    return Conflict(
        "This is the key of a CA or of its OCSP responder, which no other certificate may have. "
        "Make a new one.",
        code="key.authority",
        field="csr",
    )


def _of_another() -> Conflict:
    return Conflict(
        "This key is certified for another holder. Make a new one, or have revoked first what was "
        "certified with it.",
        code="key.other_holder",
        field="csr",
    )


def what_for(entry: LedgerEntry) -> Iterator[models.Model]:
    """What the certificate is for: apps above this one point to its line."""
    for model, field in _users_of_lines():
        rows = model._base_manager.filter(**{field: entry})
        yield from (policy.root(row) for row in rows)


@dataclass(frozen=True)
class Reach:
    """How far it reaches that somebody says of a line that its key was compromised: `others` are
    revoked, too, and the key `is_blocked` for everybody.
    """

    others: list[LedgerEntry]
    is_blocked: bool


def reach(actor: Actor | None, entry: LedgerEntry) -> Reach:
    """What of the same key the actor may revoke, by its authority or by what it is for; without an
    actor that is the line alone.

    Somebody who had another's CSR certified for himself before this was refused has no more than
    his own line: a key is blocked by whoever holds it longest of those who hold it now. What is
    said of a leaf blocks no CA's key.
    """
    same = LedgerEntry.objects.filter(
        public_key_hash=entry.public_key_hash, state=EntryState.SIGNED
    )
    if entry.kind == EntryKind.LEAF:
        same = same.filter(kind=EntryKind.LEAF)
    own = {entry.pk} | (_revocable(actor, same) if actor is not None else set())
    at_risk = same.filter(pk__in=own - {entry.pk}, not_after__gt=clock.now()).order_by("pk")
    others = list(at_risk.exclude(revocation__reason=RevocationReason.KEY_COMPROMISE))
    return Reach(others, entry.kind != EntryKind.LEAF or _may_block(entry, same, own))


def _may_block(entry: LedgerEntry, same: models.QuerySet[LedgerEntry], own: Set[int]) -> bool:
    if entry.public_key_hash in _known({entry.public_key_hash})[0]:
        return False
    # A line that nothing is kept of any more gives nobody a certificate to renew.
    counted = own | _used(same)
    lasting = same.filter(_LASTING, pk__in=counted).order_by("pk")
    first = lasting.values_list("pk", flat=True).first()
    return first is None or first in own


def _revocable(actor: Actor, lines: models.QuerySet[LedgerEntry]) -> set[int]:
    found = set(policy.visible(actor, lines, Verb.REVOKE).values_list("pk", flat=True))
    for model, field in _users_of_lines():
        rows = model._base_manager.filter(**{f"{field}__in": lines})
        allowed = policy.visible(actor, rows, Verb.REVOKE)
        found.update(allowed.values_list(f"{field}_id", flat=True))
    return found


def _used(lines: models.QuerySet[LedgerEntry]) -> set[int]:
    found: set[int] = set()
    for model, field in _users_of_lines():
        rows = model._base_manager.filter(**{f"{field}__in": lines})
        found.update(rows.values_list(f"{field}_id", flat=True))
    return found


def _users_of_lines() -> Iterator[tuple[type[models.Model], str]]:
    for model, field in references_to(LedgerEntry):
        if hasattr(model, "access_via"):
            yield model, field
