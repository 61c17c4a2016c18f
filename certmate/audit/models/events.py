"""What happened, who did it and where: the part of an audit row that lists are filtered by."""

from typing import ClassVar

from auditlog.models import LogEntry
from django.db import models

from certmate.audit.choices import ActorKind


class Event(models.Model):
    """Beside each LogEntry, which has the field changes. Plain values only: they outlive what they
    name.

    There is no foreign key constraint, because the log must be able to say that a row is gone.
    """

    access_via: ClassVar[str] = "entry"
    read_scope: ClassVar[str] = "audit"

    entry = models.OneToOneField(
        LogEntry, models.CASCADE, primary_key=True, db_constraint=False, related_name="told"
    )
    name = models.CharField("event", max_length=80)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10, choices=ActorKind.choices)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150, blank=True)
    token_id = models.CharField("token", max_length=40, blank=True)
    token_label = models.CharField(max_length=150, blank=True)
    object_kind = models.CharField(max_length=100)
    object_pk = models.CharField(max_length=255)
    request_id = models.CharField(max_length=64, blank=True)
    order_id = models.BigIntegerField("order", null=True)
    address = models.CharField(max_length=45, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    mac = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        ordering = ("-at", "-pk")
        # The permission to read the log is that of LogEntry.
        default_permissions = ()
        # One a filter, each in the order of the list: newest first, decided by the row's number.
        indexes: ClassVar[list[models.Index]] = [
            models.Index("at", "entry", name="audit_at"),
            models.Index("name", "at", "entry", name="audit_name"),
            models.Index("actor_kind", "at", "entry", name="audit_actor_kind"),
            models.Index("actor_name", "at", "entry", name="audit_actor_name"),
            models.Index("object_kind", "at", "entry", name="audit_object_kind"),
            # The key first: it is asked for without its kind as well, and few kinds share one.
            models.Index("object_pk", "object_kind", "at", "entry", name="audit_object"),
            models.Index(
                "actor_id",
                "at",
                "entry",
                name="audit_actor",
                condition=models.Q(actor_id__isnull=False),
            ),
            models.Index(
                "order_id",
                "at",
                "entry",
                name="audit_order",
                condition=models.Q(order_id__isnull=False),
            ),
            models.Index("token_id", "at", "entry", name="audit_token"),
            models.Index("request_id", "at", "entry", name="audit_request"),
            models.Index("address", "at", "entry", name="audit_address"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.entry_id}"


class Unsealed(models.Model):
    """A row that no checkpoint binds yet: written with it, removed when it is sealed."""

    entry_id = models.BigIntegerField(primary_key=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.entry_id)
