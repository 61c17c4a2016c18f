"""Mirrors of bundles: further targets that each is copied to, and how they are."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.rest.fields import Text, instant
from certmate.rest.serializers import Input, Nothing, Output
from certmate.rest.views import Endpoint, Operation
from storage import services
from storage.api.filters import MirrorFilter
from storage.backends.base import KINDS
from storage.choices import MirrorState
from storage.models import Mirror, StorageTarget

ROOT = "/api/storage-mirrors"


class MirrorInput(Input):
    kind = serializers.ChoiceField(KINDS, default="server")
    name = Text(max_length=200, help_text="Of the certificate, as its bundle is called.")
    source = Text(max_length=64, help_text="The target that the bundle is at.")  # type: ignore[assignment]
    target = Text(max_length=64, help_text="The target that it is copied to.")

    class Meta:
        ref_name = "StorageMirrorRequest"


class MirrorOutput(Output):
    id = serializers.IntegerField()
    url = serializers.URLField()
    kind = serializers.CharField()
    name = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    target = serializers.CharField()
    state = serializers.ChoiceField(MirrorState.choices)
    wanted = serializers.CharField(help_text="The version that shall be there.")
    stored = serializers.CharField(allow_null=True, help_text="The version that is there.")
    attempts = serializers.IntegerField(help_text="That failed since it last went well.")
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    error_code = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)
    stored_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "StorageMirror"

    def represent(self, instance: Mirror) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "url": self.context["request"].build_absolute_uri(f"{ROOT}/{instance.pk}"),
            "kind": instance.kind,
            "name": instance.name,
            "source": instance.source.name,
            "target": instance.target.name,
            "state": instance.state,
            "wanted": instance.wanted,
            "stored": instance.stored or None,
            "attempts": instance.attempts,
            "next_attempt_at": instant(instance.next_attempt_at),
            "error_code": instance.error_code or None,
            "message": instance.error_detail or None,
            "stored_at": instant(instance.stored_at),
            "created_at": instant(instance.created_at),
        }


class MirrorEndpoint(Endpoint):
    """Names of bundles are names of certificates, so a mirror is for who may change its source."""

    tag = "storage-mirrors"

    def get_queryset(self) -> models.QuerySet[Mirror]:
        return Mirror.objects.select_related("source", "target")

    def found(self, pk: int) -> Any:
        return self.find(self.get_queryset(), Verb.CHANGE, pk=pk)

    def shown(self, mirror: Mirror, status: int = 200) -> Response:
        body = MirrorOutput(context={"request": self.request}).represent(mirror)
        return Response(body, status, headers={"Location": body["url"]} if status == 201 else {})


class Mirrors(MirrorEndpoint):
    operations = {
        "GET": Operation("list_storage_mirrors", {200: MirrorOutput(many=True)}),
        "POST": Operation(
            "create_storage_mirror", {201: MirrorOutput}, MirrorInput, fails=(404, 422)
        ),
    }
    orderings: ClassVar[Mapping[str, str]] = {"created_at": "id"}
    default_ordering = "-created_at"
    filterset_class = MirrorFilter

    def get(self, request: Request) -> Response:
        """One page of mirrors, the newest first."""
        self.visible(self.get_queryset())  # A token that may not look is told so.
        rows = policy.visible(self.actor, self.get_queryset(), Verb.CHANGE)
        return self.page(rows, MirrorOutput(context={"request": request}))

    def post(self, request: Request) -> Response:
        """Have a bundle copied to another target, now and whenever it changes."""
        policy.require_possible(self.actor, Verb.CHANGE, StorageTarget)
        return self.shown(services.add_mirror(actor=self.actor, **self.input(request)), 201)


class MirrorById(MirrorEndpoint):
    operations = {
        "GET": Operation("get_storage_mirror", {200: MirrorOutput}),
        "DELETE": Operation("delete_storage_mirror", {202: MirrorOutput}),
    }

    def get(self, request: Request, pk: int) -> Response:
        """The mirror, and how it is."""
        return self.shown(self.found(pk))

    def delete(self, request: Request, pk: int) -> Response:
        """Have the copy deleted, as often as it takes; then the mirror is gone."""
        mirror = self.found(pk)
        services.remove_mirror(actor=self.actor, mirror=mirror)
        mirror.refresh_from_db()
        return self.shown(mirror, 202)


class RetryMirror(MirrorEndpoint):
    operations = {"POST": Operation("retry_storage_mirror", {200: MirrorOutput}, Nothing)}

    def post(self, request: Request, pk: int) -> Response:
        """Try now what is waited with."""
        mirror = self.found(pk)
        self.input(request)
        return self.shown(services.retry_mirror(actor=self.actor, mirror=mirror))
