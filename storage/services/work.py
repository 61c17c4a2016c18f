"""Work on targets that is asked for and called off."""

from typing import Any, TypeVar

from django.db import IntegrityError, transaction

from certmate.access.actors import Actor
from certmate.access.requesters import asked_by
from certmate.audit.context import request_id
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict
from certmate.core.jobs import enqueue_on_commit
from storage.choices import OPEN_WORK, WorkState
from storage.models import StorageTarget, StorageWork

W = TypeVar("W", bound=StorageWork)


def ask_for(
    work: W, target: StorageTarget, message: str, *, actor: Actor, is_open: Conflict, **told: Any
) -> W:
    """Put the work, which is not saved yet, into the queue, with `told` in the audit log.

    Raises `is_open` if such work on the target is open already.
    """
    noun = work._meta.verbose_name
    for name, value in asked_by(actor).items():
        setattr(work, name, value)
    work.request_id, work.next_attempt_at = request_id()[:64], clock.now()
    try:
        with transaction.atomic():
            work.save()
            record(target, f"storage_target.{noun}_requested", **told, **{f"{noun}": work.pk})
            enqueue_on_commit(message, work.pk)
    except IntegrityError as error:
        raise is_open from error
    return work


def cancel(work: W, target: StorageTarget, *, has_ended: Conflict) -> W:
    """End what is open; whoever is at it loses the lease. Raises `has_ended` for what is over."""
    noun = work._meta.verbose_name
    with transaction.atomic():
        rows = type(work)._default_manager.filter(pk=work.pk, state__in=OPEN_WORK)
        ended = {"state": WorkState.CANCELLED, "finished_at": clock.now()}
        if rows.update(lease_token=None, lease_expires_at=None, **ended) != 1:
            raise has_ended
        record(target, f"storage_target.{noun}_cancelled", **{f"{noun}": work.pk})
    work.refresh_from_db()
    return work
