"""Rebuilds of storage targets: asked for, watched bundle by bundle, cancelled."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access.verbs import Verb
from certmate.rest.fields import Flag, Text
from certmate.rest.serializers import Input, Nothing
from certmate.rest.views import Operation
from storage import services
from storage.api.filters import RebuildItemFilter, StorageRebuildFilter
from storage.api.working import (
    CancelWork,
    WorkById,
    WorkEndpoint,
    WorkItemOutput,
    WorkItems,
    WorkList,
    WorkOutput,
)
from storage.choices import FindState
from storage.models import RebuildItem, StorageRebuild, StorageTarget


class RebuildInput(Input):
    issuer = Text(
        max_length=64,
        allow_blank=True,
        default="",
        help_text="The CA account or authority of certificates whose own one is not here.",
    )

    auto_renew = Flag(
        default=False,
        help_text="Renew what is adopted: only where nobody but CertMate could write.",
    )

    class Meta:
        ref_name = "RebuildRequest"


class StorageRebuildOutput(WorkOutput):
    target = serializers.CharField()
    issuer = serializers.CharField()
    auto_renew = serializers.BooleanField()
    adopted = serializers.IntegerField(help_text="With versions that no table knew.")
    known = serializers.IntegerField()

    address: ClassVar[str] = "/api/storage-rebuilds"

    class Meta:
        ref_name = "StorageRebuild"

    def represent(self, instance: StorageRebuild) -> dict[str, Any]:
        return self.common(instance, instance.target) | {
            "target": instance.target.name,
            "issuer": instance.issuer,
            "auto_renew": instance.auto_renew,
            "adopted": instance.adopted,
            "known": instance.known,
        }


class RebuildItemOutput(WorkItemOutput):
    state = serializers.ChoiceField(FindState.choices)
    is_legacy = serializers.BooleanField(help_text="CertMate 2.x has left it.")

    class Meta:
        ref_name = "StorageRebuildItem"

    def represent(self, instance: RebuildItem) -> dict[str, Any]:
        return super().represent(instance) | {"is_legacy": instance.is_legacy}


class RebuildEndpoint(WorkEndpoint):
    tag = "storage-rebuilds"
    model, related = StorageRebuild, ("target",)
    representation = StorageRebuildOutput


class RebuildStorageTarget(RebuildEndpoint):
    tag = "storage-targets"
    operations = {
        "POST": Operation("rebuild_storage_target", {202: StorageRebuildOutput}, RebuildInput)
    }

    def post(self, request: Request, name: str) -> Response:
        """Take up everything there that no table knows, in the background: after a lost database,
        or what CertMate 2.x has left.
        """
        target = self.find(StorageTarget.objects.all(), Verb.CHANGE, name=name)
        values = self.input(request)
        rebuild = services.rebuild_target(actor=self.actor, target=target, **values)
        return self.shown(rebuild, 202)


class StorageRebuilds(RebuildEndpoint, WorkList):
    operations = {"GET": Operation("list_storage_rebuilds", {200: StorageRebuildOutput(many=True)})}
    filterset_class = StorageRebuildFilter


class StorageRebuildById(RebuildEndpoint, WorkById):
    operations = {"GET": Operation("get_storage_rebuild", {200: StorageRebuildOutput})}


class StorageRebuildItems(RebuildEndpoint, WorkItems):
    operations = {
        "GET": Operation("list_storage_rebuild_items", {200: RebuildItemOutput(many=True)})
    }
    item_representation = RebuildItemOutput
    filterset_class = RebuildItemFilter


class CancelStorageRebuild(RebuildEndpoint, CancelWork):
    operations = {"POST": Operation("cancel_storage_rebuild", {200: StorageRebuildOutput}, Nothing)}

    def cancel(self, work: StorageRebuild) -> StorageRebuild:
        return services.cancel_rebuild(actor=self.actor, rebuild=work)
