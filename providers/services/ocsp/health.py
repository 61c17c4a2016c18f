"""Whether OCSP keeps up, in numbers."""

from dataclasses import dataclass
from datetime import datetime

from certmate.core import clock
from providers.models import LedgerEntry, Responder
from providers.services.ocsp import responders

MOST_COUNTED = 10_000


@dataclass(frozen=True)
class ResponderState:
    """Of one key that is answered for; None without a responder to be trusted."""

    authority: str
    key: int
    expires_at: datetime | None


@dataclass(frozen=True)
class Health:
    """`backlog` are answers that are due, counted up to `MOST_COUNTED`."""

    responders: tuple[ResponderState, ...]
    backlog: int
    oldest_due_at: datetime | None


def health() -> Health:
    """Four queries, however many keys and answers there are."""
    now = clock.now()
    due = LedgerEntry.objects.filter(answer_due_at__lte=now).order_by("answer_due_at")
    oldest = due.values_list("answer_due_at", flat=True).first()
    backlog = due.values("pk")[:MOST_COUNTED].count()
    trusted = Responder.objects.filter(retired_at=None, entry__revocation=None)
    expiry = dict(
        trusted.filter(entry__not_after__gt=now).values_list("key_id", "entry__not_after")
    )
    keys = responders.answering(now).order_by("authority__name", "number")
    rows = keys.values_list("pk", "authority__name", "number")
    states = tuple(ResponderState(name, number, expiry.get(pk)) for pk, name, number in rows)
    return Health(states, backlog, oldest)
