"""Storage targets, and the bundles of those that are kept in CertMate's own database."""

import uuid
from typing import ClassVar

from django.db import models

from certmate.access.models import Team
from certmate.access.verbs import Scope, permissions, under
from certmate.core.fields import EncryptedJSONField
from storage import catalogue


class StorageTarget(models.Model):
    """One configured place for bundles: a kind of backend with its parameters."""

    write_scope: ClassVar[str] = Scope.ADMIN
    access_parents: ClassVar[tuple[str, ...]] = ("team",)

    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.SlugField(max_length=64, unique=True)
    backend = models.CharField(max_length=32, choices=catalogue.choices)
    parameters = EncryptedJSONField()
    is_default = models.BooleanField(
        "default", default=False, help_text="Used where a certificate names no storage target."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True, blank=True, editable=False)
    verification_error = models.TextField(blank=True, editable=False)

    class Meta:
        ordering = ("name",)
        permissions = [
            *permissions("storagetarget", "storage target"),
            *under("storagetarget", "storage target"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="storage_one_default_target",
            )
        ]

    def __str__(self) -> str:
        return self.name


class StoredBundle(models.Model):
    """One version of a bundle in a target of the database backend.

    The target is protected: nobody removes private keys by removing the place they are in.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    target = models.ForeignKey(StorageTarget, on_delete=models.PROTECT, related_name="bundles")
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    is_current = models.BooleanField(default=False)
    cert = models.TextField()
    chain = models.TextField(blank=True)
    csr = models.TextField(blank=True)
    private_key = EncryptedJSONField()
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["target", "kind", "name", "fingerprint"], name="storage_bundle_version"
            ),
            models.UniqueConstraint(
                fields=["target", "kind", "name"],
                condition=models.Q(is_current=True),
                name="storage_one_current_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"
