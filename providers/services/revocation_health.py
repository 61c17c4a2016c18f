"""Is what verifiers fetch there, and how old is it? In numbers, for pages and monitors."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q, QuerySet

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.core import clock
from providers.models import Authority, CRLChange, CRLShard

MOST_COUNTED = 10_000


@dataclass(frozen=True)
class RevocationHealth:
    """Of the CRLs of one authority, or of all. `waiting_since` is when the oldest change was made
    that no CRL tells yet; `published_after` is the longest that the last ones had to wait.
    """

    crls: int = 0
    missing: int = 0
    overdue: int = 0
    freshest_at: datetime | None = None
    stalest_at: datetime | None = None
    expires_at: datetime | None = None
    published_after: timedelta | None = None
    waiting: int = 0
    waiting_since: datetime | None = None

    def numbers(self, now: datetime) -> dict[str, float | int | None]:
        """By name, for a machine; times as seconds from now."""
        waited = self.published_after
        return {
            "count": self.crls,
            "missing": self.missing,
            "overdue": self.overdue,
            "freshest_seconds": _seconds(now, self.freshest_at),
            "stalest_seconds": _seconds(now, self.stalest_at),
            "valid_for_seconds": _seconds(self.expires_at, now),
            "published_after_seconds": None if waited is None else waited.total_seconds(),
            "waiting": self.waiting,
            "waiting_seconds": _seconds(now, self.waiting_since),
        }


def overall() -> RevocationHealth:
    """Of all authorities together."""
    return _health(_published(), _waiting())


def of(authority: Authority) -> RevocationHealth:
    """Of one, whose page somebody may see."""
    changes = _waiting().filter(key__authority=authority)
    return _health(_published().filter(key__authority=authority), changes)


def by_authority(actor: Actor) -> dict[str, RevocationHealth]:
    """Of each authority that the actor sees, by its name, in two queries."""
    seen = policy.listed(actor, Authority.objects.all()).order_by().values("pk")
    name = "key__authority__name"
    crls = _published().filter(key__authority__in=seen).order_by(name).values_list(name)
    changes = _waiting().filter(key__authority__in=seen).values_list(name)
    waiting = {found: rest for found, *rest in changes.annotate(**_WAITING)}
    return {
        found: RevocationHealth(*rest, *waiting.get(found, ()))
        for found, *rest in crls.annotate(**_sums())
    }


def _health(crls: QuerySet[CRLShard], changes: QuerySet[CRLChange]) -> RevocationHealth:
    """In three queries, however many changes there are; they are counted up to MOST_COUNTED."""
    oldest = changes.order_by("changed_at").values_list("changed_at", flat=True).first()
    waiting = changes.values("pk")[:MOST_COUNTED].count()
    return RevocationHealth(**crls.aggregate(**_sums()), waiting=waiting, waiting_since=oldest)


def _published() -> QuerySet[CRLShard]:
    """What has to be there: the CRLs of keys whose certificate is still valid."""
    return CRLShard.objects.filter(key__not_after__gt=clock.now())


def _waiting() -> QuerySet[CRLChange]:
    changes = CRLChange.objects.filter(is_told=False, key__not_after__gt=clock.now())
    return changes.order_by()


_WAITING = {"waiting": Count("pk"), "waiting_since": Min("changed_at")}


def _sums() -> dict[str, Count | Min | Max]:
    """In the order of the fields."""
    return {
        "crls": Count("pk"),
        "missing": Count("pk", filter=Q(this_update__isnull=True)),
        "overdue": Count("pk", filter=Q(next_update__lte=clock.now())),
        "freshest_at": Max("this_update"),
        "stalest_at": Min("this_update"),
        "expires_at": Min("next_update"),
        "published_after": Max("published_after"),
    }


def _seconds(later: datetime | None, earlier: datetime | None) -> int | None:
    if later is None or earlier is None:
        return None
    return int((later - earlier).total_seconds())
