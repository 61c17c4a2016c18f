"""Profiles: what an authority may put into a certificate, as rows that administrators edit."""

import uuid
from datetime import timedelta
from typing import ClassVar

from django.db import models

from certmate.access.verbs import Scope, permissions
from certmate.pki import profiles as pki
from certmate.pki.keys import KeyType
from providers.models.accounts import account_name


class Profile(models.Model):
    """Rules for one purpose; `certmate.pki.profiles` applies them."""

    write_scope: ClassVar[str] = Scope.ADMIN
    access_shared: ClassVar[bool] = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64, unique=True, validators=[account_name])
    description = models.CharField(max_length=200, blank=True)
    certificate_type = models.CharField(
        max_length=20, help_text="What the metadata of its certificates says, such as client."
    )
    key_usage = models.JSONField(default=list)
    extended_key_usage = models.JSONField(default=list, blank=True)
    key_types = models.JSONField(default=list)
    default_days = models.PositiveIntegerField()
    longest_days = models.PositiveIntegerField()
    subject = models.JSONField("subject template", default=dict, blank=True)
    subject_fields = models.JSONField("fields that a requester may set", default=list, blank=True)
    alt_names = models.JSONField("allowed alternative names", default=dict, blank=True)
    needs_approval = models.BooleanField(
        default=False, help_text="A request waits until somebody else approves of it."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        permissions = [*permissions("profile", "profile")]

    def __str__(self) -> str:
        return self.name

    @property
    def rules(self) -> pki.Profile:
        """The profile as `certmate.pki` takes it."""
        return pki.Profile(
            name=self.name,
            key_usage=frozenset(self.key_usage),
            extended_key_usage=tuple(self.extended_key_usage),
            key_types=frozenset(KeyType(value) for value in self.key_types),
            default_validity=timedelta(days=self.default_days),
            longest_validity=timedelta(days=self.longest_days),
            subject=self.subject,
            subject_fields=frozenset(self.subject_fields),
            alt_names=self.alt_names,
        )
