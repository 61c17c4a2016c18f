"""Revocation of what stands in the ledger, and release from hold (RFC 5280 §5.3.1)."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.db import transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services.approvals import Permit, require
from certmate.access.services.approvals.matching import matching
from certmate.access.verbs import Verb
from certmate.audit.services import record as audit
from certmate.core import clock
from certmate.core.errors import Conflict, InvalidRequest
from providers.choices import EntryKind, EntryState, RevocationReason
from providers.models import BlockedKey, CRLRelease, LedgerEntry, Revocation
from providers.services import key_holders
from providers.services.ledger import retell

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Of a time since when a key is not to be trusted."""
_HOLD = RevocationReason.CERTIFICATE_HOLD

Follower = Callable[[LedgerEntry, Revocation | None], None]
"""Told of a revocation, or of its end, in the transaction."""

_followers: list[Follower] = []


def follow(follower: Follower) -> None:
    """Let an app know what becomes of its certificates, from its `ready`: whoever revokes a line of
    the ledger may not know what the certificate is for.
    """
    _followers.append(follower)


def revoke_entry(
    *,
    actor: Actor,
    entry: LedgerEntry,
    reason: str = "unspecified",
    invalidity_at: datetime | None = None,
) -> Revocation:
    """Revoke any line of the ledger, such as one that belongs to nothing else any more.

    Raises ApprovalNeeded where a rule about the authority, or about what the certificate is for,
    asks for more eyes; and what `revoke` raises.
    """
    policy.require(actor, Verb.REVOKE, entry)
    check_reason(entry, reason)
    _check_invalidity(invalidity_at)
    permits = _ask(actor, entry, reason, invalidity_at)
    with transaction.atomic():
        for permit in permits:
            permit.use(entry)
        return revoke(entry, reason, invalidity_at, actor=actor)


def _ask(
    actor: Actor, entry: LedgerEntry, reason: str, invalidity_at: datetime | None
) -> list[Permit]:
    """Leave by all rules, one request for each object whose rules no request before it has."""
    permits: list[Permit] = []
    known: set[int] = set()
    for target in (entry.authority, *key_holders.what_for(entry)):
        rules = set(matching(Verb.REVOKE, target).values_list("pk", flat=True))
        if rules <= known:
            continue
        known |= rules
        permit = require(
            actor=actor,
            verb=Verb.REVOKE,
            target=target,
            operation="providers.revoke_entry",
            params={
                "authority": entry.authority.name,
                "serial_number": entry.serial,
                "holder": entry.holder,
                "reason": reason,
                "invalidity_at": invalidity_at.isoformat() if invalidity_at else None,
            },
        )
        permits.append(permit)
    return permits


def release_entry(*, actor: Actor, entry: LedgerEntry) -> None:
    """End the hold of a line of the ledger."""
    policy.require(actor, Verb.REVOKE, entry)
    with transaction.atomic():
        release(entry)


def revoke(
    entry: LedgerEntry,
    reason: str,
    invalidity_at: datetime | None = None,
    *,
    actor: Actor | None = None,
) -> Revocation:
    """Revoke in the caller's transaction; the caller has asked for permission.

    A key that is told to be compromised is blocked for ever, and whatever else of it the actor may
    revoke is revoked, too, as far as `key_holders.reach` says. What is on hold may be revoked for
    good, and any reason become `keyCompromise`. Raises InvalidRequest (`revoke.reason`,
    `revoke.invalidity`), Conflict (`revoke.already`, `ledger.unfinished`).
    """
    check_reason(entry, reason)
    _check_invalidity(invalidity_at)
    if reason != RevocationReason.KEY_COMPROMISE:
        return _revoke(entry, reason, invalidity_at)
    # Ahead of the revocation: it tells by whose lines are not revoked.
    reach = key_holders.reach(actor, entry)
    made = _revoke(entry, reason, invalidity_at)
    if reach.is_blocked:
        _block(entry)
    for other in reach.others:
        _revoke(other, reason, invalidity_at)
    return made


def _revoke(entry: LedgerEntry, reason: str, invalidity_at: datetime | None) -> Revocation:
    entry = LedgerEntry.objects.select_for_update().select_related("authority").get(pk=entry.pk)
    if entry.state == EntryState.INTENDED:
        raise Conflict("It is being signed at this moment; try again.", code="ledger.unfinished")
    found = Revocation.objects.filter(entry=entry).first()
    if found is not None and not _may_become(found.reason, reason):
        raise Conflict(
            f"It was revoked on {found.revoked_at:%Y-%m-%d}: {found.get_reason_display()}.",
            code="revoke.already",
        )
    made = found or Revocation(
        entry=entry,
        key_id=entry.key_id,
        shard=entry.shard,
        serial=entry.serial,
        # RFC 5280 §5.3.1: one that was on hold stays revoked since the hold began.
        revoked_at=clock.now(),
        not_after=entry.not_after,
    )
    made.reason, made.invalidity_at = reason, invalidity_at
    made.save()
    CRLRelease.objects.filter(entry=entry).delete()
    _tell(entry, "ledger.revoked", made, reason=reason)
    return made


def _may_become(before: str, reason: str) -> bool:
    if before == _HOLD:
        return reason != _HOLD
    return reason == RevocationReason.KEY_COMPROMISE != before


def _block(entry: LedgerEntry) -> None:
    reason = f"Serial {entry.serial} of {entry.authority}"
    BlockedKey.objects.get_or_create(
        pk=entry.public_key_hash, defaults={"reason": reason, "created_at": clock.now()}
    )


def release(entry: LedgerEntry) -> None:
    """End a hold in the caller's transaction. Raises Conflict (`revoke.not_on_hold`)."""
    # As in `_revoke`: whoever changes what is true of a line has it locked first.
    entry = LedgerEntry.objects.select_for_update().select_related("authority").get(pk=entry.pk)
    held = Revocation.objects.filter(entry=entry, reason=_HOLD).first()
    if held is None:
        raise Conflict("It is not on hold.", code="revoke.not_on_hold")
    held.delete()
    CRLRelease.objects.create(
        entry=entry, key_id=entry.key_id, shard=entry.shard, revoked_at=held.revoked_at
    )
    _tell(entry, "ledger.released", None)


def check_reason(entry: LedgerEntry, reason: str) -> None:
    """Raise InvalidRequest for a reason that RFC 5280 does not have, or not for this kind."""
    allowed = [
        value
        for value in RevocationReason.values
        if entry.kind == EntryKind.CA or value != RevocationReason.CA_COMPROMISE
    ]
    if reason not in allowed:
        raise InvalidRequest(
            f"The reason must be one of: {', '.join(allowed)}.",
            code="revoke.reason",
            field="reason",
        )


def _check_invalidity(at: datetime | None) -> None:
    """What no GeneralizedTime can say would keep the whole CRL from being made."""
    if at is not None and not EARLIEST <= at <= clock.now():
        raise InvalidRequest(
            f"A time since {EARLIEST:%Y-%m-%d} that is not to come.",
            code="revoke.invalidity",
            field="invalidity_at",
        )


def _tell(entry: LedgerEntry, event: str, made: Revocation | None, **details: str) -> None:
    for follower in _followers:
        follower(entry, made)
    audit(entry.authority, event, serial=entry.serial, holder=entry.holder, **details)
    retell(entry)
