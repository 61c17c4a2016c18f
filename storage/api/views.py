"""The catalogue of storage backends, and the targets that bundles are kept at."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access.verbs import Verb
from certmate.rest import catalogue, named
from certmate.rest.serializers import Nothing
from certmate.rest.views import Endpoint, Operation
from storage import services
from storage.api.filters import StorageTargetFilter
from storage.api.serializers import StorageBackendOutput, StorageTargetInput, StorageTargetOutput
from storage.catalogue import CATALOGUE
from storage.models import StorageTarget

_BACKENDS = catalogue.operations("storage_backend", StorageBackendOutput)


class StorageBackends(catalogue.Catalogue):
    tag = "storage-backends"
    operations = _BACKENDS[0]
    entries, representation = CATALOGUE, StorageBackendOutput


class StorageBackend(catalogue.CatalogueEntry):
    tag = "storage-backends"
    operations = _BACKENDS[1]
    entries, representation = CATALOGUE, StorageBackendOutput


class StorageTargets(named.NamedCollection):
    tag = "storage-targets"
    operations = named.collection("storage_target", StorageTargetOutput, StorageTargetInput)
    representation = StorageTargetOutput
    queryset = StorageTarget.objects.select_related("team")
    filterset_class = StorageTargetFilter

    def create(self, values: dict[str, Any]) -> StorageTarget:
        return services.create_target(actor=self.actor, **values)


class StorageTargetByName(named.NamedObject):
    tag = "storage-targets"
    operations = named.single("storage_target", StorageTargetOutput, StorageTargetInput)
    representation = StorageTargetOutput
    queryset = StorageTarget.objects.select_related("team")
    fixed = ("name", "backend")

    def update(self, row: StorageTarget, values: dict[str, Any]) -> StorageTarget:
        return services.update_target(actor=self.actor, target=row, **values)

    def remove(self, row: StorageTarget) -> None:
        services.delete_target(actor=self.actor, target=row)


class VerifyStorageTarget(Endpoint):
    tag = "storage-targets"
    operations = {
        "POST": Operation(
            "verify_storage_target", {200: StorageTargetOutput}, Nothing, fails=(422,)
        )
    }
    queryset = StorageTarget.objects.select_related("team")

    def post(self, request: Request, name: str) -> Response:
        """Write, read and delete something harmless there; a failure is the answer and is noted."""
        target = self.find(self.get_queryset(), Verb.CHANGE, name=name)
        self.input(request)
        verified = services.verify_target(actor=self.actor, target=target)
        return Response(StorageTargetOutput().represent(verified))
