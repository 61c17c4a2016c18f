"""The state of sealing, for the log's page and the overview."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from auditlog.models import LogEntry
from django.http import HttpRequest
from django.urls import reverse

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.audit.models import Checkpoint, Delivery, LogState, Unsealed
from certmate.core import clock
from certmate.ui import panels
from certmate.ui.panels import Hint

LATE = timedelta(minutes=5)
MOST = 1000


@dataclass(frozen=True)
class SealState:
    """What somebody who relies on the log wants to know first."""

    size: int
    sealed_at: datetime | None
    unsealed: int
    is_late: bool
    verified_at: datetime | None
    fault: dict[str, Any] | None
    undelivered: list[str]


def of_log() -> SealState:
    """Three small reads; nothing is counted beyond `MOST`."""
    newest = Checkpoint.objects.order_by("-size").only("size", "at").first()
    log = LogState.objects.filter(pk=LogState.ONLY).first()
    unsealed = len(Unsealed.objects.values_list("pk")[: MOST + 1])
    sealed_at = newest.at if newest else None
    is_late = unsealed > 0 and sealed_at is not None and clock.now() - sealed_at > LATE
    failed = Delivery.objects.exclude(error="").values_list("sink", "error")[:10]
    return SealState(
        size=newest.size if newest else 0,
        sealed_at=sealed_at,
        unsealed=unsealed,
        is_late=is_late,
        verified_at=log.verified_at if log else None,
        fault=log.fault if log else None,
        undelivered=[f"{sink}: {error}" for sink, error in failed],
    )


def hints(request: HttpRequest) -> Iterator[Hint]:
    """On the overview of those who may read the log: that its last verification failed."""
    if not policy.possible(Actor.of(request.user), Verb.VIEW, LogEntry):
        return
    fault = LogState.objects.filter(pk=LogState.ONLY).values_list("fault", flat=True).first()
    if fault:
        text = f"The audit log is not what was sealed: {fault['kind']}. {fault['detail']}"
        yield Hint(text, reverse("admin:audit_event_changelist"), "Look at the audit log")


panels.register(hints=hints)
