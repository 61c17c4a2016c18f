"""Leases on rows: a conditional UPDATE decides which worker holds a row, and for how long.

Whoever holds a lease writes through `fenced`, so that a worker that was slow, suspended or cut off
cannot write over the work of the one that took its place.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import models

from certmate.core.errors import LeaseLost


class Leased(models.Model):
    """A row that one worker at a time may work on."""

    lease_token = models.UUIDField(null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True


def claim(
    candidates: models.QuerySet[Any], pk: object, *, lease: timedelta, now: datetime, **values: Any
) -> uuid.UUID | None:
    """Take the row if it is still among `candidates`; the token proves it, None means somebody else
    did.

    `values` are written in the same UPDATE.
    """
    token = uuid.uuid4()
    taken = candidates.filter(pk=pk).update(
        lease_token=token, lease_expires_at=now + lease, **values
    )
    return token if taken == 1 else None


def fenced(model: type[models.Model], pk: object, token: uuid.UUID, **values: Any) -> None:
    """Write `values` if the lease is still ours. Raises LeaseLost otherwise."""
    if model._default_manager.filter(pk=pk, lease_token=token).update(**values) != 1:
        raise LeaseLost(f"Another worker holds {model._meta.verbose_name} {pk} now.")
