"""Waking a worker: by task name, after commit, and never as the only record of the work.

The message carries names and ids only. If the broker is away the message is dropped with a warning,
because a sweep finds the row anyway (docs/issuance-cycle.md).
"""

import logging
import time
from datetime import UTC, datetime, timedelta
from threading import Lock

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from certmate.core import clock

logger = logging.getLogger(__name__)

WAKE_AFTER = timedelta(seconds=1)
"""How long a worker sleeps on, so that one wake does for all that comes meanwhile."""

PATIENCE_SECONDS = 1.0
PAUSE_SECONDS = 15.0
"""A broker that takes longer to fail than the first is left alone for the second: not every call
waits for one that hangs.
"""

_woken: dict[str, datetime] = {}
_lock = Lock()


def enqueue_on_commit(name: str, *args: int | str) -> None:
    """Send the task `name` once the present transaction is committed; at once if there is none."""
    transaction.on_commit(lambda: enqueue(name, *args))


def wake_on_commit(name: str) -> None:
    """Have the task `name`, which looks for its work itself, run soon after the commit: once for
    all who ask within half a second.
    """
    transaction.on_commit(lambda: _wake(name))


def _wake(name: str) -> None:
    now = clock.now()
    with _lock:
        # Half of the wait: who is not heard now has committed well before the task begins.
        if abs(now - _woken.get(name, datetime.min.replace(tzinfo=UTC))) < WAKE_AFTER / 2:
            return
        _woken[name] = now
    enqueue(name, after=WAKE_AFTER)


def enqueue(name: str, *args: int | str, after: timedelta = timedelta(0)) -> None:
    """Send the task, to be begun after a while."""
    if _broker.hangs():
        return
    began = time.monotonic()
    try:
        seconds = after.total_seconds() or None
        current_app.send_task(name, args=args, ignore_result=True, countdown=seconds)
    except (OperationalError, OSError) as error:
        logger.warning(
            "The broker is away (%s); the sweep will find %s%s.", type(error).__name__, name, args
        )
        _broker.failed(after=time.monotonic() - began)


class _Broker:
    """What this process knows of it."""

    def __init__(self) -> None:
        self._alone_until = 0.0

    def hangs(self) -> bool:
        return time.monotonic() < self._alone_until

    def failed(self, *, after: float) -> None:
        if after > PATIENCE_SECONDS:
            logger.warning("It is left alone for %.0f seconds.", PAUSE_SECONDS)
            self._alone_until = time.monotonic() + PAUSE_SECONDS


_broker = _Broker()
