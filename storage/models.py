"""Storage targets, bundles of CertMate's own database, mirrors and migrations."""

import uuid
from typing import ClassVar

from django.db import models

from certmate.access.models import Requested, Team
from certmate.access.verbs import Scope, permissions, under
from certmate.core.claims import Leased
from certmate.core.fields import EncryptedJSONField
from storage import catalogue
from storage.choices import OPEN_WORK, FindState, ItemState, MirrorState, WorkState


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


class Mirror(Leased):
    """A further target that a bundle is copied to whenever it is stored at its own, the source.

    What is to be done stands here, so that a mirror that is away holds nobody up: `wanted` is the
    version that shall be there, `stored` the one that is.
    """

    access_via: ClassVar[str] = "source"

    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=255)
    source = models.ForeignKey(StorageTarget, models.PROTECT, related_name="+")
    target = models.ForeignKey(StorageTarget, models.PROTECT, related_name="+")
    wanted = models.CharField(max_length=64)
    stored = models.CharField(max_length=64, blank=True)
    state = models.CharField(
        max_length=10, choices=MirrorState.choices, default=MirrorState.WAITING
    )
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    stored_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "name", "target"], name="storage_one_mirror_a_target"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["next_attempt_at"],
                name="storage_mirrors_due",
                condition=models.Q(next_attempt_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}/{self.name} at {self.target}"


class StorageWork(Leased, Requested):
    """What is done to all bundles of a target in the background, and how far that is."""

    state = models.CharField(max_length=10, choices=WorkState.choices, default=WorkState.QUEUED)
    total = models.PositiveIntegerField("bundles", default=0)
    failed = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class WorkItem(models.Model):
    """One bundle of such work; each kind of it has its own states."""

    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=255)
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class StorageMigration(StorageWork):
    """All bundles of a target copied to another one.

    The source stays as it is until each of its versions was read back from the destination.
    """

    access_via: ClassVar[str] = "source"

    source = models.ForeignKey(StorageTarget, models.PROTECT, related_name="+")
    destination = models.ForeignKey(StorageTarget, models.PROTECT, related_name="+")
    cleans_up = models.BooleanField("remove from the source afterwards", default=False)
    copied = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "migration"
        ordering = ("-id",)
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["source"],
                condition=models.Q(state__in=OPEN_WORK),
                name="storage_one_open_migration",
            )
        ]

    def __str__(self) -> str:
        return f"Migration {self.pk}"

    @property
    def done(self) -> int:
        """How many bundles have come to something."""
        return self.copied + self.failed


class MigrationItem(WorkItem):
    """One bundle to be copied; `fingerprints` (with spaces) are the versions of it that were."""

    access_via: ClassVar[str] = "migration"

    migration = models.ForeignKey(StorageMigration, models.CASCADE, related_name="items")
    fingerprints = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=ItemState.choices, default=ItemState.QUEUED)

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["migration", "kind", "name"], name="storage_migration_item"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["migration", "id"],
                name="storage_items_queued",
                condition=models.Q(state=ItemState.QUEUED),
            )
        ]


class StorageRebuild(StorageWork):
    """Everything that is at a target and that the database does not know, taken up by it.

    `issuer` is the CA account or authority of certificates whose own one is not here. `auto_renew`:
    nobody but CertMate could write there, so that what is found is as good as what was lost.
    """

    access_via: ClassVar[str] = "target"

    target = models.ForeignKey(StorageTarget, models.PROTECT, related_name="+")
    issuer = models.CharField(max_length=64, blank=True)
    auto_renew = models.BooleanField("renew what is adopted", default=False)
    known = models.PositiveIntegerField(default=0)
    adopted = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "rebuild"
        ordering = ("-id",)
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["target"],
                condition=models.Q(state__in=OPEN_WORK),
                name="storage_one_open_rebuild",
            )
        ]

    def __str__(self) -> str:
        return f"Rebuild {self.pk}"

    @property
    def done(self) -> int:
        """How many bundles have come to something."""
        return self.known + self.adopted + self.failed


class RebuildItem(WorkItem):
    """One bundle that was found; `is_legacy` if CertMate 2.x has left it."""

    access_via: ClassVar[str] = "rebuild"

    rebuild = models.ForeignKey(StorageRebuild, models.CASCADE, related_name="items")
    is_legacy = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=FindState.choices, default=FindState.QUEUED)

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["rebuild", "kind", "name"], name="storage_rebuild_item")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["rebuild", "id"],
                name="storage_finds_queued",
                condition=models.Q(state=FindState.QUEUED),
            )
        ]
