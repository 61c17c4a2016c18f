"""OCSP answers made before anybody asks: of what is due, signed outside of any transaction.

A line of the ledger is due from the transaction that changes what is true of it. Whoever takes it
moves that time on, and keeps what he signed only if it still stands where he has put it: a change
meanwhile, or another worker, has moved it again. A crash leaves it where it comes up by itself.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, F, QuerySet, Value
from django.db.models.functions import Least

from certmate.core import clock
from certmate.core.bulk import insert_all, new
from certmate.core.crew import Crew, crew_for
from certmate.core.errors import CertMateError
from certmate.core.stopping import Turn
from certmate.pki.ocsp.responses import IssuerID, Period, Status
from providers.authority.answers import sign_all
from providers.models import AuthorityKey, LedgerEntry, OCSPResponse
from providers.services.ocsp import responders
from providers.services.ocsp.responders import Opened

logger = logging.getLogger(__name__)

AT_ONCE = 500
SPREAD = 5
"""Up to a fifth of the time is cut off."""
BEHIND = 10
"""The niceness of who signs many of them: nobody waits for these."""
AGAIN_AFTER = timedelta(minutes=5)
"""Far longer than so many take; then another worker may do it."""


class Line(NamedTuple):
    """A line of the ledger with what is true of it."""

    id: int
    key_id: UUID
    serial: str
    not_after: datetime
    revoked_at: datetime | None
    reason: str | None

    @property
    def status(self) -> Status:
        return Status(self.revoked_at, self.reason or "")


@dataclass(frozen=True)
class _Source:
    """Who signs for a key, for how long."""

    responder: Opened
    ids: tuple[IssuerID, ...]
    validity: timedelta

    def answers(self, crew: Crew, lines: Sequence[Line], period: Period) -> list[OCSPResponse]:
        wanted = [(int(line.serial, 16), line.status) for line in lines]
        signed = crew.submit(sign_all, self.responder.stored, self.ids, wanted, period).result()
        algorithms = [one.algorithm for one in self.ids]
        return [
            new(
                OCSPResponse,
                entry_id=line.id,
                key_id=line.key_id,
                serial=line.serial,
                responder_id=self.responder.id,
                this_update=period.begins,
                next_update=period.ends,
                **dict(zip(algorithms, both, strict=True)),
            )
            for line, both in zip(lines, signed, strict=True)
        ]


def produce_due(turn: Turn | None = None) -> int:
    """Make the answers that are due, and before that the responders; returns how many answers.

    What is left at the end of the turn is for the next run.
    """
    turn = turn or Turn()
    responders.keep()
    count = 0
    due = LedgerEntry.objects.filter(answer_due_at__lte=clock.now()).values("pk")
    # Many are signed in a process of their own, behind that of a batch: this one may keep what
    # comes of it.
    with crew_for(due[:AT_ONCE].count(), niceness=BEHIND) as crew:
        while not turn.is_over():
            lease, lines = _claim(LedgerEntry.objects.all())
            count += _answer(crew, lines, lease)
            if len(lines) < AT_ONCE:
                break
    return count


def produce_one(entry_id: int) -> None:
    """Make the answer about one certificate if it is due, ahead of all others that are."""
    lease, lines = _claim(LedgerEntry.objects.filter(pk=entry_id))
    with crew_for(len(lines)) as crew:
        made = _answer(crew, lines, lease)
    if not made:
        # A revocation waits for a responder, but not until a lease ends.
        _give_back([line.id for line in lines], lease)


def _answer(crew: Crew, lines: Sequence[Line], lease: datetime) -> int:
    """Make the answers about what was taken; what fails for one key comes up again by itself."""
    count, by_key = 0, _by_key(lines)
    # Asked for each time: an authority may have been made, or OCSP turned on or off, meanwhile.
    keys = {key.pk: key for key in responders.answering(clock.now()).filter(pk__in=by_key)}
    for key_id, theirs in by_key.items():
        try:
            count += _settle(crew, keys.get(key_id), theirs, lease)
        except CertMateError as error:
            logger.warning("Answers of key %s were not made: %s", key_id, error)
    return count


def _source(key: AuthorityKey) -> _Source | None:
    """None if it has no responder yet."""
    opened = responders.opened(key.pk)
    if opened is None:
        return None
    return _Source(opened, responders.ids_of(key.cert), timedelta(hours=key.authority.ocsp_hours))


def _claim(rows: QuerySet[LedgerEntry]) -> tuple[datetime, list[Line]]:
    """Take what is due of the rows, until the time that is returned."""
    now = clock.now()
    lease = now + AGAIN_AFTER
    with transaction.atomic():
        due = rows.filter(answer_due_at__lte=now).order_by("answer_due_at")
        locked = due.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)
        # What has changed goes ahead of what only ages, however long that has waited.
        taken = list(locked.filter(answer_changed_at__isnull=False)[:AT_ONCE])
        taken += locked.filter(answer_changed_at__isnull=True)[: AT_ONCE - len(taken)]
        LedgerEntry.objects.filter(pk__in=taken).update(answer_due_at=lease)
    # Asked only now: a change that came before the lock is seen, and one after it takes the lease.
    true = LedgerEntry.objects.filter(pk__in=taken).values_list(
        *("pk", "key_id", "serial", "not_after"), "revocation__revoked_at", "revocation__reason"
    )
    return lease, [Line(*row) for row in true]


def _by_key(lines: Sequence[Line]) -> dict[UUID, list[Line]]:
    found: dict[UUID, list[Line]] = defaultdict(list)
    for line in lines:
        found[line.key_id].append(line)
    return found


def _settle(crew: Crew, key: AuthorityKey | None, lines: Sequence[Line], lease: datetime) -> int:
    """Make the answers of one key, and forget those that nobody is given any more."""
    now = clock.now().replace(microsecond=0)
    alive = [line for line in lines if line.not_after > now] if key is not None else []
    over = {line.id for line in lines} - {line.id for line in alive}
    if over:
        _forget(over, lease)
    source = _source(key) if key is not None and alive else None
    if source is None:
        return 0
    period = Period(now, min(now + source.validity, source.responder.good_until))
    answers = source.answers(crew, alive, period)
    # Spread, so that what was issued together does not come up together for ever.
    half = (period.ends - now) / 2
    half -= clock.jitter(half / SPREAD)
    return _keep(answers, source.responder, lease, now + max(half, AGAIN_AFTER))


def _keep(
    answers: Sequence[OCSPResponse], signer: Opened, lease: datetime, due_at: datetime
) -> int:
    """Keep the answers about what nobody has changed or taken meanwhile, if their signer serves."""
    with transaction.atomic():
        pks = [answer.entry_id for answer in answers]
        if not responders.is_serving(signer):
            # Whoever serves now signs them at once.
            _give_back(pks, lease)
            return 0
        ours = _still_ours(pks, lease)
        # Who has locked a line is alone with its answer.
        OCSPResponse.objects.filter(pk__in=ours).delete()
        insert_all([answer for answer in answers if answer.entry_id in ours])
        # An answer about what has expired is forgotten as soon as it has.
        due = Least(F("not_after"), Value(due_at, DateTimeField()))
        kept = LedgerEntry.objects.filter(pk__in=ours)
        kept.update(answer_due_at=due, answer_changed_at=None)
    return len(ours)


def _give_back(pks: Sequence[int], lease: datetime) -> None:
    """Let the next maker take them."""
    with transaction.atomic():
        ours = _still_ours(pks, lease)
        LedgerEntry.objects.filter(pk__in=ours).update(answer_due_at=clock.now())


def _forget(pks: set[int], lease: datetime) -> None:
    with transaction.atomic():
        ours = _still_ours(pks, lease)
        OCSPResponse.objects.filter(pk__in=ours).delete()
        over = LedgerEntry.objects.filter(pk__in=ours)
        over.update(answer_due_at=None, answer_changed_at=None)


def _still_ours(pks: Collection[int], lease: datetime) -> set[int]:
    """Those that stand where we have put them, locked. What somebody else has locked he changes."""
    rows = LedgerEntry.objects.filter(pk__in=pks, answer_due_at=lease)
    return set(rows.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))
