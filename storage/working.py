"""Work on the bundles of a target under a lease: where whoever holds it dies, another goes on.

The rows say what is left. What fails for a while puts the work off, what fails for good ends it; a
bundle's own fault does neither.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread
from typing import Any, ClassVar, Generic, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from certmate.access import policy
from certmate.access.requesters import require_still
from certmate.access.verbs import Verb
from certmate.audit.context import Context, running
from certmate.audit.services import record
from certmate.core import claims, clock
from certmate.core.errors import CertMateError, LeaseLost
from certmate.core.jobs import enqueue
from storage.choices import WorkState
from storage.models import StorageTarget, StorageWork

logger = logging.getLogger(__name__)

W = TypeVar("W", bound=StorageWork)

LEASE = timedelta(minutes=3)
BEAT_SECONDS = 30.0
AGAIN = timedelta(minutes=1)
WAKE_AT_ONCE = 20
CHUNK = 32
WORKERS = 8
# Of the whole target and not of one bundle: the next ones would fail in the same way.
_GENERAL = {
    *("storage.credentials", "storage.missing_sdk", "storage.untrusted", "storage.endpoint"),
}


def is_general(error: CertMateError) -> bool:
    """Whether it is no fault of the bundle that it happened with."""
    return error.retryable or error.code in _GENERAL


def sweep(model: type[StorageWork], message: str) -> int:
    """Wake what waits or whose worker died; returns how many."""
    waiting = model._default_manager.filter(_claimable()).order_by("pk")
    woken = list(waiting.values_list("pk", flat=True)[:WAKE_AT_ONCE])
    for pk in woken:
        enqueue(message, pk)
    return len(woken)


def run(model: type[W], pk: int, worker: Callable[[W, uuid.UUID], "Worker[W]"]) -> None:
    """Carry the work out if nobody else is at it; what fails for a while is left to the sweep."""
    now = clock.now()
    token = claims.claim(
        model._default_manager.filter(_claimable()),
        pk,
        lease=LEASE,
        now=now,
        state=WorkState.RUNNING,
        started_at=Coalesce("started_at", now),
    )
    if token is None:
        return
    work = model._default_manager.select_related("requested_by", "requested_token").get(pk=pk)
    context = Context(
        request_id=work.request_id or f"{work._meta.verbose_name}-{pk}",
        user=work.requested_by,
        token=work.requested_token,
    )
    at_work = worker(work, token)
    with running(context), at_work.beating():
        try:
            at_work.carry_out()
        except LeaseLost as error:
            logger.warning("%s: stopped: %s", work, error.detail)
        except CertMateError as error:
            at_work.stop(error)
        except (OperationalError, InterfaceError) as error:
            # The lease runs out, and the sweep takes it up again.
            logger.warning("%s: %s", work, error)


def _claimable() -> Q:
    """Waiting in the queue, or held by a worker that went silent."""
    now = clock.now()
    waiting = Q(state=WorkState.QUEUED, next_attempt_at__lte=now)
    return waiting | Q(state=WorkState.RUNNING, lease_expires_at__lte=now)


class Worker(Generic[W]):
    """One worker's work under its lease.

    `events` are told of the target in the audit log when the work comes to such an end.
    """

    events: ClassVar[Mapping[WorkState, str]] = {}

    def __init__(self, work: W, token: uuid.UUID) -> None:
        self.work, self.token = work, token

    def carry_out(self) -> None:
        raise NotImplementedError

    def told(self) -> tuple[StorageTarget, dict[str, Any]]:
        """The target, and what the audit log is told of the end."""
        raise NotImplementedError

    def extend_lease(self, **values: Any) -> None:
        """Raises LeaseLost if another worker has it, or it was cancelled."""
        expires = clock.now() + LEASE
        claims.fenced(type(self.work), self.work.pk, self.token, lease_expires_at=expires, **values)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Extend the lease by itself: a place may be read for long without an answer to note."""
        ended = Event()
        heart = Thread(target=self._beat, args=(ended,), daemon=True)
        heart.start()
        try:
            yield
        finally:
            ended.set()
            heart.join()

    def _beat(self, ended: Event) -> None:
        while not ended.wait(BEAT_SECONDS):
            # Whoever works finds out by his own next write.
            with suppress(LeaseLost, OperationalError, InterfaceError):
                self.extend_lease()
            connection.close()

    def require_still(self, *places: StorageTarget) -> None:
        """Raise AccessDenied (`access.withdrawn`) if whoever asked may not do so any more."""
        require_still(
            self.work,
            lambda actor: all(policy.allowed(actor, Verb.CHANGE, place) for place in places),
        )

    def end(self, state: WorkState, error: CertMateError | None = None, **values: Any) -> None:
        """Give the lease back: the work has come to its end, or waits for another worker."""
        values |= {
            "state": state,
            "finished_at": None if state == WorkState.QUEUED else clock.now(),
            "lease_token": None,
            "lease_expires_at": None,
            "error_code": error.code if error else "",
            "error_detail": error.detail if error else "",
        }
        with transaction.atomic():
            claims.fenced(type(self.work), self.work.pk, self.token, **values)
            if state in self.events:
                self.work.refresh_from_db()
                target, told = self.told()
                why = {"code": error.code} if error else {}
                record(target, f"storage_target.{self.events[state]}", **told, **why)

    def stop(self, error: CertMateError) -> None:
        """Back into the queue for what may pass; else it has failed, and says why."""
        try:
            if error.retryable:
                self.end(WorkState.QUEUED, error, next_attempt_at=clock.now() + AGAIN)
            else:
                self.end(WorkState.FAILED, error)
        except LeaseLost:
            logger.warning("%s was taken over while it failed with %s.", self.work, error.code)
