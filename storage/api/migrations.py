"""Migrations of storage targets: asked for, watched bundle by bundle, cancelled."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.rest.fields import Flag, Text, instant
from certmate.rest.serializers import Input, Nothing, Output
from certmate.rest.views import Endpoint, Operation
from storage import services
from storage.api.filters import MigrationItemFilter, StorageMigrationFilter
from storage.choices import ItemState, WorkState
from storage.models import MigrationItem, StorageMigration, StorageTarget

ROOT = "/api/storage-migrations"


class MigrateInput(Input):
    to = Text(max_length=64, help_text="The target that the bundles go to.")
    clean_up = Flag(default=False, help_text="Remove them from the source when each was read back.")

    class Meta:
        ref_name = "MigrateRequest"


class StorageMigrationOutput(Output):
    id = serializers.IntegerField()
    url = serializers.URLField()
    source = serializers.CharField()  # type: ignore[assignment]
    to = serializers.CharField()
    clean_up = serializers.BooleanField()
    state = serializers.ChoiceField(WorkState.choices)
    total = serializers.IntegerField(help_text="Bundles.")
    copied = serializers.IntegerField(help_text="Read back and compared.")
    failed = serializers.IntegerField()
    progress = serializers.FloatField(help_text="0 to 1.")
    error_code = serializers.CharField(allow_null=True)
    message = serializers.CharField(
        allow_null=True,
        help_text="Why it stopped, or waits; for who may change the source.",
    )
    items = serializers.URLField(help_text="What came of each bundle.")
    requested_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "StorageMigration"

    def represent(self, instance: StorageMigration) -> dict[str, Any]:
        url = self.context["request"].build_absolute_uri(f"{ROOT}/{instance.pk}")
        requester = instance.requested_by
        return {
            "id": instance.pk,
            "url": url,
            "source": instance.source.name,
            "to": instance.destination.name,
            "clean_up": instance.cleans_up,
            "state": instance.state,
            "total": instance.total,
            "copied": instance.copied,
            "failed": instance.failed,
            "progress": round(instance.done / instance.total, 4) if instance.total else 0.0,
            "error_code": instance.error_code or None,
            "message": self._message(instance),
            "items": f"{url}/items",
            "requested_by": requester.get_username() if requester else None,
            "created_at": instant(instance.created_at),
            "started_at": instant(instance.started_at),
            "finished_at": instant(instance.finished_at),
        }

    def _message(self, migration: StorageMigration) -> str | None:
        """It may name a bundle."""
        may_know = migration.source_id in self.context["changeable"]
        return (migration.error_detail or None) if may_know else None


class MigrationItemOutput(Output):
    kind = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(ItemState.choices)
    fingerprints = serializers.ListField(
        child=serializers.CharField(), help_text="The versions that were copied."
    )
    error_code = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)

    class Meta:
        ref_name = "StorageMigrationItem"

    def represent(self, instance: MigrationItem) -> dict[str, Any]:
        return {
            "kind": instance.kind,
            "name": instance.name,
            "state": instance.state,
            "fingerprints": instance.fingerprints.split(),
            "error_code": instance.error_code or None,
            "message": instance.error_detail or None,
        }


class MigrationEndpoint(Endpoint):
    tag = "storage-migrations"

    def get_queryset(self) -> models.QuerySet[Any]:
        return StorageMigration.objects.select_related("source", "destination", "requested_by")

    def output(self) -> StorageMigrationOutput:
        targets = policy.visible(self.actor, StorageTarget.objects.all(), Verb.CHANGE)
        changeable = set(targets.values_list("pk", flat=True))
        return StorageMigrationOutput(context={"request": self.request, "changeable": changeable})

    def shown(self, migration: StorageMigration, status: int = 200) -> Response:
        """The migration as it is by now."""
        row = self.get_queryset().get(pk=migration.pk)
        body = self.output().represent(row)
        return Response(body, status, headers={"Location": body["url"]} if status == 202 else {})


class MigrateStorageTarget(MigrationEndpoint):
    tag = "storage-targets"
    operations = {
        "POST": Operation("migrate_storage_target", {202: StorageMigrationOutput}, MigrateInput)
    }

    def post(self, request: Request, name: str) -> Response:
        """Copy all bundles to another target, in the background, and let all that names this one
        name that.
        """
        target = self.find(StorageTarget.objects.all(), Verb.CHANGE, name=name)
        values = self.input(request)
        migration = services.migrate_target(actor=self.actor, target=target, **values)
        return self.shown(migration, 202)


class StorageMigrations(MigrationEndpoint):
    operations = {
        "GET": Operation("list_storage_migrations", {200: StorageMigrationOutput(many=True)})
    }
    orderings: ClassVar[Mapping[str, str]] = {"created_at": "id"}
    default_ordering = "-created_at"
    filterset_class = StorageMigrationFilter

    def get(self, request: Request) -> Response:
        """One page of migrations, the newest first."""
        rows = self.visible(self.get_queryset())
        return self.page(rows, self.output())


class StorageMigrationById(MigrationEndpoint):
    operations = {"GET": Operation("get_storage_migration", {200: StorageMigrationOutput})}

    def get(self, request: Request, pk: int) -> Response:
        """The migration, and how far it is."""
        return self.shown(self.find(self.get_queryset(), pk=pk))


class StorageMigrationItems(MigrationEndpoint):
    operations = {
        "GET": Operation("list_storage_migration_items", {200: MigrationItemOutput(many=True)})
    }
    orderings: ClassVar[Mapping[str, str]] = {"id": "id"}
    filterset_class = MigrationItemFilter

    def get_queryset(self) -> models.QuerySet[Any]:
        """Of items, whose filter this is."""
        return MigrationItem.objects.all()

    def get(self, request: Request, pk: int) -> Response:
        """One page of the bundles, with what came of each."""
        # Names of bundles are names of certificates, which not all who see the target may see.
        migration = self.find(StorageMigration.objects.all(), Verb.CHANGE, pk=pk)
        return self.page(self.get_queryset().filter(migration=migration), MigrationItemOutput())


class CancelStorageMigration(MigrationEndpoint):
    operations = {
        "POST": Operation("cancel_storage_migration", {200: StorageMigrationOutput}, Nothing)
    }

    def post(self, request: Request, pk: int) -> Response:
        """Copy no further bundle; what is copied stays, and the source is as it was."""
        migration = self.find(self.get_queryset(), pk=pk)
        self.input(request)
        return self.shown(services.cancel_migration(actor=self.actor, migration=migration))
