"""Batches: many client certificates asked for in one file, issued in the background."""

from typing import ClassVar

from django.db import models

from certmate.access.models import Requested, Team
from certmate.access.verbs import Verb, permissions
from certmate.core.claims import Leased
from clients.choices import BatchState, RowState
from clients.models.certificates import ClientCertificate
from clients.querysets import BatchQuerySet
from providers.models import Authority, Profile
from storage.models import StorageTarget


class Batch(Leased, Requested):
    """A file of rows, and how far it is. What all rows have in common stands here."""

    access_parents: ClassVar[tuple[str, ...]] = ("team", "authority", "storage_target")
    access_own: ClassVar[dict[str, tuple[Verb, ...]]] = {"requested_by": (Verb.VIEW,)}

    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    authority = models.ForeignKey(Authority, models.PROTECT, related_name="+")
    profile = models.ForeignKey(Profile, models.PROTECT, related_name="+")
    storage_target = models.ForeignKey(StorageTarget, models.PROTECT, related_name="+")
    auto_renew = models.BooleanField("renew automatically", default=True)
    tags = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=10, choices=BatchState.choices, default=BatchState.LOADING)
    total = models.PositiveIntegerField("rows", default=0)
    issued = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "batches"
        ordering = ("-id",)
        permissions = [*permissions("batch", "batch", Verb.DOWNLOAD, Verb.EXPORT_KEY)]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "lease_expires_at"], name="batch_state_lease")
        ]

    def __str__(self) -> str:
        return f"Batch {self.pk}"

    @property
    def done(self) -> int:
        """How many rows have come to something."""
        return self.issued + self.repeated + self.failed


class BatchRow(models.Model):
    """One certificate of a batch. `key` is the caller's own name for the row: the same key again,
    in whichever batch of the same person, is the same certificate.
    """

    access_via: ClassVar[str] = "batch"

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="rows", db_index=False)
    number = models.PositiveIntegerField()
    owner = models.BigIntegerField(null=True)
    key = models.CharField("idempotency key", max_length=100, null=True)  # noqa: DJ001 - unique.
    identifier = models.CharField(max_length=200)
    wish = models.JSONField()
    state = models.CharField(max_length=10, choices=RowState.choices, default=RowState.QUEUED)
    certificate = models.ForeignKey(ClientCertificate, models.SET_NULL, null=True, related_name="+")
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)
    error_field = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ("number",)
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["batch", "number"], name="batch_row_number_unique"),
            models.UniqueConstraint(
                fields=["owner", "key"],
                condition=models.Q(key__isnull=False),
                name="batch_row_key_unique",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["batch", "number"],
                name="batch_rows_queued",
                condition=models.Q(state=RowState.QUEUED),
            )
        ]

    def __str__(self) -> str:
        return f"row {self.number}"
