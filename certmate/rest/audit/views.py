"""The audit log over the API: read, proved, verified, exported. Nothing here changes it."""

import base64
from typing import Any

from auditlog.models import LogEntry
from django.db.models import BigIntegerField
from django.http import HttpResponseBase
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.audit import sealing, tree, verification
from certmate.audit.choices import ActorKind
from certmate.audit.faults import Fault
from certmate.audit.models import Checkpoint, Event
from certmate.audit.queries import FILTERS
from certmate.audit.streams import CSV, JSON_LINES, streamed
from certmate.core.errors import NotFound
from certmate.rest.audit.outputs import (
    CheckpointOutput,
    ConsistencyOutput,
    EventDetailOutput,
    EventOutput,
    VerificationOutput,
)
from certmate.rest.fields import instant
from certmate.rest.pagination import invalid_parameter, whole_number
from certmate.rest.views import Endpoint, Operation, query


class EventFilter(filters.FilterSet):  # type: ignore[misc]
    event = filters.CharFilter(field_name="name", label="Such as certificate.renewed.")
    actor = filters.CharFilter(field_name="actor_name", label="The user name.")
    actor_id = filters.NumberFilter(label="The user's id.")
    actor_kind = filters.ChoiceFilter(choices=ActorKind.choices)
    object_kind = filters.CharFilter(label="Such as certificates.certificate.")
    object_pk = filters.CharFilter(label="The key of the object.")
    request = filters.CharFilter(field_name="request_id", label="The X-Request-ID.")
    order = filters.NumberFilter(field_name="order_id", label="The order's id.")
    token = filters.CharFilter(field_name="token_id", label="The API token's id.")
    address = filters.CharFilter(label="The peer's IP address.")
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")


class AuditEndpoint(Endpoint):
    tag = "audit"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # Ahead of everything: a token without the scope is told so, others that they may not.
        self.visible(Event.objects.none())
        policy.require(self.actor, Verb.VIEW, LogEntry)


class Entries(AuditEndpoint):
    operations = {"GET": Operation("list_audit_entries", {200: EventOutput(many=True)})}
    queryset = Event.objects.select_related("entry")
    orderings = {"at": "at"}
    default_ordering = "-at"
    filterset_class = EventFilter

    def get(self, request: Request) -> Response:
        """One page of the log, the newest entry first."""
        return self.page(self.get_queryset(), EventOutput())


class Entry(AuditEndpoint):
    operations = {"GET": Operation("get_audit_entry", {200: EventDetailOutput})}

    def get(self, request: Request, pk: int) -> Response:
        """The entry, as it is sealed, with the proof that it is."""
        rows = Event.objects.select_related("entry")
        # SQLite does not take a question about more than a column holds.
        found = rows.filter(pk=pk).first() if pk <= BigIntegerField.MAX_BIGINT else None
        if found is None:
            raise NotFound("There is no such audit entry.")
        return Response(EventDetailOutput().represent(found))


class Checkpoints(AuditEndpoint):
    operations = {"GET": Operation("list_audit_checkpoints", {200: CheckpointOutput(many=True)})}
    queryset = Checkpoint.objects.all()
    orderings = {"size": "size"}
    default_ordering = "-size"

    def get(self, request: Request) -> Response:
        """The signed checkpoints, the newest first."""
        return self.page(self.get_queryset(), CheckpointOutput())


class Consistency(AuditEndpoint):
    operations = {
        "GET": Operation(
            "get_audit_consistency",
            {200: ConsistencyOutput},
            parameters=(
                query("first", "An earlier size.", OpenApiTypes.INT, required=True),
                query("second", "A later size; by default the newest.", OpenApiTypes.INT),
            ),
        )
    }

    def get(self, request: Request) -> Response:
        """The proof that the log of `first` entries is the beginning of that of `second`
        (RFC 9162 §2.1.4).
        """
        size = tree.size()
        second = whole_number(request, "second", max(size, 1), high=max(size, 1))
        first = whole_number(request, "first", 0, high=second)
        try:
            path = tree.tree(size).consistency(first, second)
        except ValueError as error:
            raise invalid_parameter("first", "No tree of this size is known.") from error
        hashes = [base64.b64encode(hash_).decode() for hash_ in path]
        return Response({"first": first, "second": second, "path": hashes})


class Verify(AuditEndpoint):
    operations = {"GET": Operation("verify_audit", {200: VerificationOutput})}

    def get(self, request: Request) -> Response:
        """Verify the newest 20,000 entries now, and tell what the last full verification found."""
        report = verification.verify_recent()
        state = sealing.state()
        newest = Checkpoint.objects.order_by("-size").first()
        full = {"at": instant(state.verified_at), "size": state.verified_size, "fault": state.fault}
        return Response(
            {
                "is_sound": report.is_sound and state.fault is None,
                "fault": _fault(report.fault),
                "start": report.start,
                "size": report.size,
                "unsealed": report.unsealed,
                "pruned": report.anchor,
                "checkpoint": newest.note if newest else None,
                "last_full": full if state.verified_at else None,
            }
        )


_EXPORT_PARAMETERS = (
    query("format", "Of the lines.", enum=("jsonl", "csv"), default="jsonl"),
    *(query(name, "As in the list.") for name in FILTERS),
)


class Export(AuditEndpoint):
    operations = {
        "GET": Operation(
            "export_audit",
            {(200, JSON_LINES): OpenApiTypes.STR, (200, CSV): OpenApiTypes.STR},
            parameters=_EXPORT_PARAMETERS,
        )
    }

    def get(self, request: Request) -> HttpResponseBase:
        """The log as a stream. JSON lines can be verified without CertMate (docs/audit.md)."""
        form = request.query_params.get("format", "jsonl")
        if form not in ("jsonl", "csv"):
            raise invalid_parameter("format", "One of jsonl, csv.")
        given = EventFilter(request.query_params, queryset=Event.objects.none())
        if not given.is_valid():
            raise serializers.ValidationError(given.errors)
        return streamed(form, given.form.cleaned_data)


def _fault(fault: Fault | None) -> dict[str, Any] | None:
    if fault is None:
        return None
    where = {"entry_id": fault.entry_id, "position": fault.position}
    return {"kind": str(fault.kind), "detail": fault.detail, **where}
