"""Waking a worker: by task name, after commit, and never as the only record of the work.

The message carries names and ids only. If the broker is away the message is dropped with a warning,
because a sweep finds the row anyway (docs/issuance-cycle.md).
"""

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def enqueue_on_commit(name: str, *args: int | str) -> None:
    """Send the task `name` once the present transaction is committed; at once if there is none."""
    transaction.on_commit(lambda: enqueue(name, *args))


def enqueue(name: str, *args: int | str) -> None:
    """Send the task now."""
    try:
        current_app.send_task(name, args=args, ignore_result=True)
    except (OperationalError, OSError) as error:
        logger.warning(
            "The broker is away (%s); the sweep will find %s%s.", type(error).__name__, name, args
        )
