"""Work on targets that somebody calls off."""

from typing import TypeVar

from django.db import transaction

from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict
from storage.choices import OPEN_WORK, WorkState
from storage.models import StorageTarget, StorageWork

W = TypeVar("W", bound=StorageWork)


def cancel(work: W, target: StorageTarget, noun: str, *, code: str) -> W:
    """End what is open; whoever is at it loses the lease. Raises Conflict (`code`) for what has
    ended.
    """
    with transaction.atomic():
        rows = type(work)._default_manager.filter(pk=work.pk, state__in=OPEN_WORK)
        ended = {"state": WorkState.CANCELLED, "finished_at": clock.now()}
        if rows.update(lease_token=None, lease_expires_at=None, **ended) != 1:
            raise Conflict(f"The {noun} has ended.", code=code)
        record(target, f"storage_target.{noun}_cancelled", **{noun: work.pk})
    work.refresh_from_db()
    return work
