"""The ledger of authorities: a line before each signature, completed after it, or given up.

record (committed) → sign → complete, in the transaction of whatever the certificate is for. What a
crash leaves between the first and the last of these has been handed to nobody: `reconcile` gives it
up and revokes it, in case the signature exists.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db import IntegrityError, connection, transaction

from certmate.audit.context import request_id
from certmate.audit.services import record as audit
from certmate.core import clock
from certmate.core.bulk import insert_all, new
from certmate.core.errors import Conflict, IntegrityFault
from certmate.core.jobs import enqueue_on_commit, wake_on_commit
from providers.authority.building import Drafted
from providers.choices import EntryKind, EntryState, RevocationReason
from providers.models import (
    Authority,
    AuthorityKey,
    BlockedKey,
    LedgerEntry,
    OCSPResponse,
    Revocation,
)
from providers.services.crl_changes import note_change

GIVEN_UP_AFTER = timedelta(minutes=15)
"""No signature takes so long; a worker that comes back later finds that its line is not its own."""
RECONCILE_AT_ONCE = 500
WAKES_UP_TO = 20
"""OCSP answers about more at once, as in a batch, are left to the scheduler: made every second in
the process that keeps the batch they would halve its speed.
"""
PRODUCE_ANSWERS = "providers.produce_answers"
ANSWER_ONE = "providers.answer_one"


def require_unblocked(hashes: Iterable[str]) -> None:
    """Raise Conflict (`key.blocked`) for a public key that was compromised."""
    if blocked(hashes):
        raise compromised()


def compromised() -> Conflict:
    """The error for a key that nothing is signed for any more."""
    return Conflict(
        "This key was compromised and is refused for ever. Make a new one.", code="key.blocked"
    )


def blocked(hashes: Iterable[str]) -> set[str]:
    """Those of the public keys that nothing is signed for any more."""
    rows = BlockedKey.objects.filter(pk__in=list(hashes))
    return set(rows.values_list("pk", flat=True))


def record(
    key: AuthorityKey,
    drafts: Sequence[Drafted],
    holders: Sequence[str],
    *,
    profile: str = "",
    kind: EntryKind = EntryKind.LEAF,
) -> list[LedgerEntry]:
    """Write down what is about to be signed, and have it on disk before this returns.

    Raises RuntimeError inside a transaction, whose end would come after the signature.
    """
    now, request = clock.now(), request_id()
    entries = [
        new(
            LedgerEntry,
            authority_id=key.authority_id,
            key_id=key.pk,
            serial=drafted.serial,
            kind=kind,
            state=EntryState.INTENDED,
            profile=profile,
            holder=holder,
            subject=drafted.subject_text[:500],
            public_key_hash=drafted.public_key_hash,
            shard=drafted.shard,
            not_before=drafted.not_before,
            not_after=drafted.not_after,
            tbs=drafted.frame.tbs,
            request_id=request[:64],
            created_at=now,
        )
        for drafted, holder in zip(drafts, holders, strict=True)
    ]
    try:
        with transaction.atomic(durable=True):
            insert_all(entries)
    except IntegrityError as error:
        raise IntegrityFault(
            "A serial number was drawn twice.", code="ledger.serial_taken"
        ) from error
    return entries


def complete(entries: Sequence[LedgerEntry], certificates: Sequence[bytes]) -> None:
    """Put the signed certificates (DER) into their lines, in the caller's transaction.

    Raises IntegrityFault (`ledger.given_up`) if a line was given up meanwhile: then its certificate
    is revoked, and nobody must get it.
    """
    now = connection.ops.adapt_datetimefield_value(clock.now())
    table = LedgerEntry._meta.db_table
    statement = (
        f"UPDATE {table} SET state = %s, cert = %s, tbs = NULL, signed_at = %s, "  # noqa: S608
        "answer_due_at = %s WHERE id = %s AND state = %s"
    )
    rows = [
        (EntryState.SIGNED, cert, now, now, entry.pk, EntryState.INTENDED)
        for entry, cert in zip(entries, certificates, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)
        if cursor.rowcount != len(rows):
            raise IntegrityFault(
                "The signature came too late: its serial number was given up.",
                code="ledger.given_up",
            )
    if len(entries) <= WAKES_UP_TO:
        wake_on_commit(PRODUCE_ANSWERS)
    for entry, cert in zip(entries, certificates, strict=True):
        entry.state, entry.cert, entry.tbs = EntryState.SIGNED, cert, None


def retell(entry: LedgerEntry) -> None:
    """Have CRL and OCSP tell the truth about a line that is another one now, in the transaction
    that has changed it. Until then no OCSP answer is given: the old one would be wrong.
    """
    # In this order: whoever keeps an answer that was true before has kept it, or comes too late.
    now, lines = clock.now(), LedgerEntry.objects.filter(pk=entry.pk)
    lines.update(answer_due_at=now, answer_changed_at=now)
    OCSPResponse.objects.filter(pk=entry.pk).delete()
    note_change(entry)
    # Ahead of what is only renewed, however much that is.
    enqueue_on_commit(ANSWER_ONE, entry.pk)


def answer_anew(authority: Authority) -> None:
    """Have every OCSP answer about what the authority has signed made again, in the caller's
    transaction.
    """
    now = clock.now()
    lines = authority.ledger.exclude(state=EntryState.INTENDED).filter(not_after__gt=now)
    lines.update(answer_due_at=now)
    wake_on_commit(PRODUCE_ANSWERS)


def give_up(entry: LedgerEntry, note: str) -> bool:
    """Give a line up that is still unfinished, and revoke whatever may have been signed for it.

    False if somebody has finished it or given it up meanwhile.
    """
    with transaction.atomic():
        rows = LedgerEntry.objects.filter(pk=entry.pk, state=EntryState.INTENDED)
        if rows.update(state=EntryState.ABANDONED, note=note[:200]) != 1:
            return False
        Revocation.objects.create(
            entry=entry,
            key_id=entry.key_id,
            shard=entry.shard,
            serial=entry.serial,
            reason=RevocationReason.UNSPECIFIED,
            revoked_at=clock.now(),
            not_after=entry.not_after,
        )
        audit(entry.authority, "ledger.given_up", serial=entry.serial, reason=note[:200])
        retell(entry)
    return True


def reconcile() -> int:
    """Give up what a crash has left unfinished, each told in the audit log; returns how many."""
    old = LedgerEntry.objects.filter(
        state=EntryState.INTENDED, created_at__lt=clock.now() - GIVEN_UP_AFTER
    )
    found = list(old.select_related("authority").order_by("created_at")[:RECONCILE_AT_ONCE])
    note = "A crash came between the ledger and the signature; the certificate went to nobody."
    return sum(give_up(entry, note) for entry in found)
