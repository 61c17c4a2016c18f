"""Migrations of storage targets: asked for, watched bundle by bundle, cancelled."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access.verbs import Verb
from certmate.rest.fields import Flag, Text
from certmate.rest.serializers import Input, Nothing
from certmate.rest.views import Operation
from storage import services
from storage.api.filters import MigrationItemFilter, StorageMigrationFilter
from storage.api.working import (
    CancelWork,
    WorkById,
    WorkEndpoint,
    WorkItemOutput,
    WorkItems,
    WorkList,
    WorkOutput,
)
from storage.choices import ItemState
from storage.models import MigrationItem, StorageMigration, StorageTarget


class MigrateInput(Input):
    to = Text(max_length=64, help_text="The target that the bundles go to.")
    clean_up = Flag(default=False, help_text="Remove them from the source when each was read back.")

    class Meta:
        ref_name = "MigrateRequest"


class StorageMigrationOutput(WorkOutput):
    source = serializers.CharField()  # type: ignore[assignment]
    to = serializers.CharField()
    clean_up = serializers.BooleanField()
    copied = serializers.IntegerField(help_text="Read back and compared.")

    address: ClassVar[str] = "/api/storage-migrations"

    class Meta:
        ref_name = "StorageMigration"

    def represent(self, instance: StorageMigration) -> dict[str, Any]:
        return self.common(instance, instance.source) | {
            "source": instance.source.name,
            "to": instance.destination.name,
            "clean_up": instance.cleans_up,
            "copied": instance.copied,
        }


class MigrationItemOutput(WorkItemOutput):
    state = serializers.ChoiceField(ItemState.choices)
    fingerprints = serializers.ListField(
        child=serializers.CharField(), help_text="The versions that were copied."
    )

    class Meta:
        ref_name = "StorageMigrationItem"

    def represent(self, instance: MigrationItem) -> dict[str, Any]:
        return super().represent(instance) | {"fingerprints": instance.fingerprints.split()}


class MigrationEndpoint(WorkEndpoint):
    tag = "storage-migrations"
    model, related = StorageMigration, ("source", "destination")
    representation = StorageMigrationOutput


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


class StorageMigrations(MigrationEndpoint, WorkList):
    operations = {
        "GET": Operation("list_storage_migrations", {200: StorageMigrationOutput(many=True)})
    }
    filterset_class = StorageMigrationFilter


class StorageMigrationById(MigrationEndpoint, WorkById):
    operations = {"GET": Operation("get_storage_migration", {200: StorageMigrationOutput})}


class StorageMigrationItems(MigrationEndpoint, WorkItems):
    operations = {
        "GET": Operation("list_storage_migration_items", {200: MigrationItemOutput(many=True)})
    }
    item_representation = MigrationItemOutput
    filterset_class = MigrationItemFilter


class CancelStorageMigration(MigrationEndpoint, CancelWork):
    operations = {
        "POST": Operation("cancel_storage_migration", {200: StorageMigrationOutput}, Nothing)
    }

    def cancel(self, work: StorageMigration) -> StorageMigration:
        return services.cancel_migration(actor=self.actor, migration=work)
