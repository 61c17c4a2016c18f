"""What the log needs to know about itself: its keys, its writer, where checkpoints went."""

import uuid
from typing import ClassVar

from django.db import models

from certmate.core.claims import Leased
from certmate.core.fields import EncryptedJSONField


class LogKey(models.Model):
    """A key of the log, sealed under the master key; `public` is empty for the one of the marks."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    secret = EncryptedJSONField()
    public = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"audit key {self.id}"


class LogState(Leased):
    """The one row that the sealer holds while it works, and what the last full look found."""

    ONLY: ClassVar[int] = 1

    # Rows up to this id were written before the log was sealed, and are taken over once.
    adopt_through = models.BigIntegerField(default=0)
    adopted_through = models.BigIntegerField(default=0)
    verified_at = models.DateTimeField(null=True)
    verified_size = models.BigIntegerField(default=0)
    fault = models.JSONField(null=True)

    class Meta:
        verbose_name = "audit log"
        default_permissions = ()

    def __str__(self) -> str:
        return "Audit log"


class Delivery(models.Model):
    """How far a place outside the database has been told of checkpoints, and why not further."""

    sink = models.CharField(max_length=60, primary_key=True)
    size = models.BigIntegerField(default=0)
    at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.sink


class Tally(models.Model):
    """Refusals of one kind to one caller within a while: the first is a row of the log, the rest
    are counted.
    """

    key = models.CharField(max_length=64, primary_key=True)
    since = models.DateTimeField(db_index=True)
    until = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)
    told = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.count} since {self.since}"
