"""Who or what holds client certificates."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from certmate.access.models import Team
from certmate.access.verbs import permissions, under
from clients.choices import IdentityKind


class Identity(models.Model):
    """A person, device, service or IoT thing; it has any number of client certificates.

    `subject` has the fields that its certificates get where a request does not say otherwise.
    """

    access_parents: ClassVar[tuple[str, ...]] = ("team",)

    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    name = models.CharField("identifier", max_length=200, unique=True)
    kind = models.CharField(max_length=10, choices=IdentityKind.choices)
    description = models.CharField(max_length=200, blank=True)
    email = models.EmailField("e-mail", blank=True)
    subject = models.JSONField("subject fields", default=dict, blank=True)
    tags = models.JSONField(default=list, blank=True)
    notes = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        db_index=False,
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "identities"
        ordering = ("name",)
        permissions = [*permissions("identity", "identity"), *under("identity", "identity")]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["kind", "name"], name="identity_kind")
        ]

    def __str__(self) -> str:
        return self.name
