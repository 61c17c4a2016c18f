"""What migrations and rebuilds have in common: asked for, watched bundle by bundle, cancelled."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.rest.fields import instant
from certmate.rest.serializers import Output
from certmate.rest.views import Endpoint
from storage.choices import WorkState
from storage.models import StorageTarget, StorageWork, WorkItem


class WorkOutput(Output):
    id = serializers.IntegerField()
    url = serializers.URLField()
    state = serializers.ChoiceField(WorkState.choices)
    total = serializers.IntegerField(help_text="Bundles.")
    failed = serializers.IntegerField()
    progress = serializers.FloatField(help_text="0 to 1.")
    error_code = serializers.CharField(allow_null=True)
    message = serializers.CharField(
        allow_null=True,
        help_text="Why it stopped, or waits; for who may change the target.",
    )
    items = serializers.URLField(help_text="What came of each bundle.")
    requested_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    address: ClassVar[str]

    def common(self, work: Any, target: StorageTarget) -> dict[str, Any]:
        """The fields above, of work on this target."""
        url = self.context["request"].build_absolute_uri(f"{self.address}/{work.pk}")
        # It may name a bundle.
        may_know = target.pk in self.context["changeable"]
        return {
            "id": work.pk,
            "url": url,
            "state": work.state,
            "total": work.total,
            "failed": work.failed,
            "progress": round(work.done / work.total, 4) if work.total else 0.0,
            "error_code": work.error_code or None,
            "message": (work.error_detail or None) if may_know else None,
            "items": f"{url}/items",
            "requested_by": work.requested_by.get_username() if work.requested_by else None,
            "created_at": instant(work.created_at),
            "started_at": instant(work.started_at),
            "finished_at": instant(work.finished_at),
        }


class WorkItemOutput(Output):
    kind = serializers.CharField()
    name = serializers.CharField()
    error_code = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)

    def represent(self, instance: Any) -> dict[str, Any]:
        item: WorkItem = instance
        return {
            "kind": item.kind,
            "name": item.name,
            "state": instance.state,
            "error_code": item.error_code or None,
            "message": item.error_detail or None,
        }


class WorkEndpoint(Endpoint):
    """`model` is the kind of work, `related` what each row of it needs to be shown."""

    model: ClassVar[type[StorageWork]]
    related: ClassVar[tuple[str, ...]]
    representation: ClassVar[type[WorkOutput]]

    def get_queryset(self) -> models.QuerySet[Any]:
        return self.model._default_manager.select_related(*self.related, "requested_by")

    def output(self) -> WorkOutput:
        targets = policy.visible(self.actor, StorageTarget.objects.all(), Verb.CHANGE)
        changeable = set(targets.values_list("pk", flat=True))
        context = {"request": self.request, "changeable": changeable}
        return self.representation(context=context)

    def shown(self, work: StorageWork, status: int = 200) -> Response:
        """The work as it is by now."""
        row = self.get_queryset().get(pk=work.pk)
        body = self.output().represent(row)
        return Response(body, status, headers={"Location": body["url"]} if status == 202 else {})


class WorkList(WorkEndpoint):
    orderings: ClassVar[Mapping[str, str]] = {"created_at": "id"}
    default_ordering = "-created_at"

    def get(self, request: Request) -> Response:
        """One page, the newest first."""
        return self.page(self.visible(self.get_queryset()), self.output())


class WorkById(WorkEndpoint):
    def get(self, request: Request, pk: int) -> Response:
        """How far it is."""
        return self.shown(self.find(self.get_queryset(), pk=pk))


class WorkItems(WorkEndpoint):
    item_representation: ClassVar[type[WorkItemOutput]]
    orderings: ClassVar[Mapping[str, str]] = {"id": "id"}

    def get(self, request: Request, pk: int) -> Response:
        """One page of the bundles, with what came of each."""
        # Names of bundles are names of certificates, which not all who see the target may see.
        work: Any = self.find(self.model._default_manager.all(), Verb.CHANGE, pk=pk)
        return self.page(work.items.all(), self.item_representation())


class CancelWork(WorkEndpoint):
    def post(self, request: Request, pk: int) -> Response:
        """Touch no further bundle; what was done stays."""
        work = self.find(self.get_queryset(), pk=pk)
        self.input(request)
        return self.shown(self.cancel(work))

    def cancel(self, work: Any) -> StorageWork:
        """Call the service."""
        raise NotImplementedError
