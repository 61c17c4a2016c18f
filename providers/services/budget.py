"""How much a CA account may be asked for, counted here so that no CA's limit is ever hit.

Whoever wants to order has a turn, and turns are taken by urgency: the certificate that expires
first is ordered first. What is granted counts in sliding windows: orders of the account, orders for
the same set of names, failures of a name, and what runs at this moment. A turn that is not asked
for again lapses, so that nothing that was cancelled or lost holds up the rest.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import models, transaction

from certmate.core import clock
from certmate.core.errors import CertMateError, Deferred
from providers.acme.catalogue import CONCURRENT, Limit
from providers.models import CAAccount, CATurn, CAUse

CODE = "acme.budget"
HOUR = timedelta(hours=1)
BUSY = timedelta(seconds=30)
"""When to ask again while as many orders as may be are being carried out."""
LONGEST_RUN = timedelta(hours=1)
"""After which something that was granted does not run any more, whatever became of it."""
LAPSE = timedelta(minutes=15)
KEPT = timedelta(days=8)
"""Longer than any limit's period."""
LONGEST_PAUSE = timedelta(minutes=10)
"""For everybody, when one order was told to wait: a CA does not say whom its limit is about, and
one of a whole account is over in minutes (Let's Encrypt refills 300 orders in 3 hours).
"""

ORDER: Final = "order"
SET: Final = "set"
FAILURE: Final = "failure"
RUN: Final = "run"


@dataclass(frozen=True)
class Turn:
    """Somebody who wants to order: `ticket` is the same each time, `urgency` when it is late."""

    ticket: str
    names: Sequence[str]
    urgency: datetime


def expect(account: CAAccount, turn: Turn) -> None:
    """Somebody will ask soon: what is less urgent lets it go first."""
    _line_up(account, turn, clock.now() + LAPSE)


def take(account: CAAccount, turn: Turn) -> CAUse:
    """Count an order; give back the use with `done`. Raises Deferred (`acme.budget`) if it is not
    its turn yet.
    """
    with transaction.atomic():
        account = CAAccount.objects.select_for_update().get(pk=account.pk)
        now = clock.now()
        CAUse.objects.filter(account=account, at__lt=now - KEPT).delete()
        CATurn.objects.filter(account=account, lapses_at__lt=now).delete()
        # Whoever asks again does not run any more, though a worker may have been killed.
        CAUse.objects.filter(account=account, kind=RUN, subject=_hash([turn.ticket])).delete()
        wait, reason = _own_wait(account, turn, now)
        if wait is None:
            wait, reason = _shared_wait(account, turn, now)
            if wait is None:
                return _grant(account, turn, now)
            _line_up(account, turn, now + wait + LAPSE)
        else:
            # It cannot go before that, so it is in nobody's way.
            CATurn.objects.filter(account=account, ticket=turn.ticket).delete()
    raise Deferred(f"{account.name}: {reason}", code=CODE, retry_after=wait)


def done(use: CAUse, account: CAAccount, names: Sequence[str], error: CertMateError | None) -> None:
    """The order has ended; what it says about the CA's limits is kept."""
    now = clock.now()
    use.delete()
    if error is None:
        # CAs count sets of names that they have certified, not those that were asked for.
        CAUse.objects.create(account=account, kind=SET, subject=_hash(names), at=now)
        return
    failed = [name for name in error.identifiers if name in set(names)]
    CAUse.objects.bulk_create(
        CAUse(account=account, kind=FAILURE, subject=_hash([name]), at=now) for name in failed
    )
    if error.retry_after:
        until = now + min(error.retry_after, LONGEST_PAUSE)
        CAAccount.objects.filter(pk=account.pk).update(paused_until=until)


def _own_wait(account: CAAccount, turn: Turn, now: datetime) -> tuple[timedelta | None, str]:
    """What stands in the way of this one alone."""
    for limit in account.catalogue_entry.limits:
        subjects = {SET: [_hash(turn.names)], FAILURE: [_hash([n]) for n in turn.names]}
        for subject in subjects.get(limit.kind, []):
            used = _used(account, limit, now, subject)
            if len(used) >= limit.count:
                what = "these names" if limit.kind == SET else "failures of a name"
                return used[-limit.count] + limit.per - now, f"The CA's limit on {what}."
    return None, ""


def _shared_wait(account: CAAccount, turn: Turn, now: datetime) -> tuple[timedelta | None, str]:
    if account.paused_until is not None and account.paused_until > now:
        return account.paused_until - now, "The CA asked to wait."
    runs = CAUse.objects.filter(account=account, kind=RUN, at__gt=now - LONGEST_RUN)
    if runs.count() >= CONCURRENT:
        return BUSY, f"{CONCURRENT} orders are being carried out."
    mine = CATurn.objects.filter(account=account, ticket=turn.ticket).values_list("id").first()
    ahead = CATurn.objects.filter(account=account).exclude(ticket=turn.ticket)
    before = models.Q(urgency__lt=turn.urgency)
    same = models.Q(urgency=turn.urgency)
    ahead = ahead.filter(before | (same & models.Q(id__lt=mine[0])) if mine else before | same)
    rank = ahead.count()
    waits = [_wait_for(_used(account, limit, now), limit, rank, now) for limit in _orders(account)]
    longest = max((wait for wait in waits if wait is not None), default=None)
    return longest, "The orders of this period are used up, or kept for what expires sooner."


def _wait_for(used: Sequence[datetime], limit: Limit, rank: int, now: datetime) -> timedelta | None:
    """How long until so many others and this one have had theirs; None if there is room now."""
    room = limit.count - len(used)
    if rank < room:
        return None
    # Those ahead that have room take it at once; from then on each slot is free again in turn.
    slots = [*used, *([now] * max(0, room))][-limit.count :]
    cycle, index = divmod(rank - max(0, room), limit.count)
    return slots[index] + limit.per * (cycle + 1) - now


def _orders(account: CAAccount) -> list[Limit]:
    known = [limit for limit in account.catalogue_entry.limits if limit.kind == ORDER]
    own = account.orders_per_hour
    return [*known, Limit(ORDER, own, HOUR)] if own else known


def _used(account: CAAccount, limit: Limit, now: datetime, subject: str = "") -> list[datetime]:
    uses = CAUse.objects.filter(account=account, kind=limit.kind, subject=subject)
    return list(uses.filter(at__gt=now - limit.per).order_by("at").values_list("at", flat=True))


def _grant(account: CAAccount, turn: Turn, now: datetime) -> CAUse:
    CATurn.objects.filter(account=account, ticket=turn.ticket).delete()
    CAUse.objects.create(account=account, kind=ORDER, at=now)
    return CAUse.objects.create(account=account, kind=RUN, subject=_hash([turn.ticket]), at=now)


def _line_up(account: CAAccount, turn: Turn, lapses_at: datetime) -> None:
    CATurn.objects.update_or_create(
        account=account,
        ticket=turn.ticket,
        defaults={"urgency": turn.urgency, "lapses_at": lapses_at},
    )


def _hash(names: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()
