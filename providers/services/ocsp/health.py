"""Whether OCSP keeps up, in numbers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.core import clock
from providers.models import Authority, LedgerEntry, Responder
from providers.services.ocsp import responders

MOST_COUNTED = 10_000
LATEST = datetime.max.replace(tzinfo=UTC)


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

    def numbers(self, now: datetime) -> dict[str, float | int | None]:
        """By name, for a machine."""
        ends = [state.expires_at for state in self.responders if state.expires_at]
        oldest = self.oldest_due_at
        return {
            "responders": len(ends),
            "missing": len(self.responders) - len(ends),
            "valid_for_seconds": int((min(ends) - now).total_seconds()) if ends else None,
            "waiting": self.backlog,
            "waiting_seconds": int((now - oldest).total_seconds()) if oldest else None,
        }


def first_expiry(actor: Actor, now: datetime) -> dict[str, datetime | None]:
    """Until when each authority that the actor sees is answered for by all of its responders; None
    if one of its keys has none to be trusted.
    """
    seen = policy.listed(actor, Authority.objects.all()).order_by().values("pk")
    ends = _expiry(now)
    found: dict[str, datetime | None] = {}
    keys = responders.answering(now).filter(authority__in=seen)
    for key_id, name in keys.values_list("pk", "authority__name"):
        end, before = ends.get(key_id), found.get(name, LATEST)
        found[name] = None if end is None or before is None else min(end, before)
    return found


def _expiry(now: datetime) -> dict[UUID, datetime]:
    """Of the responders that are to be trusted, by key."""
    trusted = Responder.objects.filter(retired_at=None, entry__revocation=None)
    return dict(trusted.filter(entry__not_after__gt=now).values_list("key_id", "entry__not_after"))


def health() -> Health:
    """Four queries, however many keys and answers there are."""
    now = clock.now()
    due = LedgerEntry.objects.filter(answer_due_at__lte=now).order_by("answer_due_at")
    oldest = due.values_list("answer_due_at", flat=True).first()
    backlog = due.values("pk")[:MOST_COUNTED].count()
    expiry = _expiry(now)
    keys = responders.answering(now).order_by("authority__name", "number")
    rows = keys.values_list("pk", "authority__name", "number")
    states = tuple(ResponderState(name, number, expiry.get(pk)) for pk, name, number in rows)
    return Health(states, backlog, oldest)
