"""Batches: many certificates asked for at once, how far they are, and what came of them."""

from collections.abc import Iterator, Mapping
from typing import IO, Any, ClassVar

from django.db import models
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import exceptions, parsers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.audit.context import Context, current, running
from certmate.core.errors import Conflict
from certmate.rest import bundles
from certmate.rest.pagination import invalid_parameter
from certmate.rest.parsers import JSONParser, read
from certmate.rest.problems import CONTENT_TYPE, Problem
from certmate.rest.serializers import Nothing
from certmate.rest.views import Endpoint, Operation, flag, query
from clients import services
from clients.api.batch_outputs import (
    BatchOutput,
    BatchProblemOutput,
    BatchRowOutput,
    batch_url,
)
from clients.api.filters import BatchFilter, BatchRowFilter
from clients.api.inputs import BatchInput
from clients.models import Batch, BatchRow, ClientCertificate
from clients.services import BatchInvalid, ClientWish
from clients.services.rows import from_csv, from_json

CSV = "text/csv"
LIMIT = 32 * 1024 * 1024
"""Of a batch's body, in bytes."""

_COMMON = ("authority", "profile", "storage", "team", "auto_renew", "tags")
_PARAMETERS = (
    *(
        query(name, "Of all rows of a CSV body; in JSON it is a field.")
        for name in ("authority", "profile", "storage", "team")
    ),
    query("auto_renew", "0 or 1, of all rows of a CSV body.", OpenApiTypes.INT, enum=(0, 1)),
    query("tags", "Of all rows of a CSV body, with ; between them."),
)


class BatchJSONParser(JSONParser):
    limit = LIMIT


class BatchCSVParser(parsers.BaseParser):
    """Lines of text (RFC 4180) in UTF-8."""

    media_type = CSV

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return read(stream, LIMIT).decode()
        except UnicodeDecodeError as error:
            raise exceptions.ParseError("The body is not UTF-8.") from error


class BatchEndpoint(Endpoint):
    tag = "batches"

    def get_queryset(self) -> models.QuerySet[Batch]:
        related = ("authority", "profile", "storage_target", "team")
        return Batch.objects.select_related(*related, "requested_by", "requested_token")

    def shown(self, batch: Batch, status: int = 200) -> Response:
        """The batch as it is by now."""
        row = self.get_queryset().get(pk=batch.pk)
        output = BatchOutput(context={"request": self.request})
        headers = {"Location": batch_url(self.request, row)} if status == 202 else {}
        return Response(output.represent(row), status, headers=headers)


class Batches(BatchEndpoint):
    operations = {
        "GET": Operation("list_batches", {200: BatchOutput(many=True)}),
        "POST": Operation(
            "create_batch",
            {202: BatchOutput, (400, CONTENT_TYPE): BatchProblemOutput},
            BatchInput,
            parameters=_PARAMETERS,
            fails=(422,),
            may_wait=True,
            text=CSV,
        ),
    }
    parser_classes = (BatchJSONParser, BatchCSVParser)
    orderings: ClassVar[Mapping[str, str]] = {"created_at": "id"}
    default_ordering = "-created_at"
    filterset_class = BatchFilter

    def get(self, request: Request) -> Response:
        """One page of batches, the newest first."""
        rows = self.visible(self.get_queryset())
        return self.page(rows, BatchOutput(context={"request": request}))

    def post(self, request: Request) -> Response:
        """Take in all rows, or none and tell what is wrong with which. They are issued in the
        background.
        """
        policy.require_possible(self.actor, Verb.REQUEST, ClientCertificate)
        values, rows = self._asked(request)
        try:
            wish = ClientWish(**values)
            batch = services.create_batch(actor=self.actor, frame_wish=wish, rows=rows)
        except BatchInvalid as error:
            return _refused(error).response()
        return self.shown(batch, 202)

    def _asked(self, request: Request) -> tuple[dict[str, Any], Iterator[tuple[int, Any]]]:
        """What all rows have in common, and the rows."""
        body: Any = request.data
        if isinstance(body, str):
            return _common(request), from_csv(body)
        for name in request.query_params:
            raise invalid_parameter(name, "With a JSON body this is one of its fields.")
        values = self.input(request)
        return values, from_json(values.pop("rows"))


class BatchById(BatchEndpoint):
    operations = {"GET": Operation("get_batch", {200: BatchOutput})}

    def get(self, request: Request, pk: int) -> Response:
        """The batch, and how far it is."""
        return self.shown(self.find(self.get_queryset(), pk=pk))


class BatchRows(BatchEndpoint):
    operations = {"GET": Operation("list_batch_rows", {200: BatchRowOutput(many=True)})}
    orderings: ClassVar[Mapping[str, str]] = {"number": "number"}
    filterset_class = BatchRowFilter

    def get_queryset(self) -> models.QuerySet[Any]:
        """Of rows, whose filter this is."""
        return BatchRow.objects.select_related("certificate").only(
            *("number", "key", "identifier", "state", "error_code", "error_detail", "error_field"),
            "certificate__identifier",
        )

    def get(self, request: Request, pk: int) -> Response:
        """One page of the rows, in their order in the file."""
        batch = self.find(Batch.objects.all(), pk=pk)
        return self.page(self.get_queryset().filter(batch=batch), BatchRowOutput())


class CancelBatch(BatchEndpoint):
    operations = {"POST": Operation("cancel_batch", {200: BatchOutput}, Nothing)}

    def post(self, request: Request, pk: int) -> Response:
        """Issue no further row; what is issued stays."""
        batch = self.find(self.get_queryset(), pk=pk)
        self.input(request)
        return self.shown(services.cancel_batch(actor=self.actor, batch=batch))


class DownloadBatch(BatchEndpoint, bundles.BundleEndpoint):
    operations = {
        "GET": Operation(
            "download_batch",
            {(200, bundles.ZIP): OpenApiTypes.BINARY},
            parameters=(bundles.INCLUDE_PRIVATE,),
            fails=(409,),
        )
    }

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """A ZIP with a folder for each certificate and report.csv, written while it is sent."""
        batch = self.find(self.get_queryset(), pk=pk)
        include_private = flag(request, "include_private")
        parts = self._parts(batch, include_private)
        headers = {
            "Content-Disposition": f'attachment; filename="batch-{batch.pk}.zip"',
            **bundles.guarded(),
        }
        return StreamingHttpResponse(parts, content_type=bundles.ZIP, headers=headers)

    def has_key(self, row: Batch) -> bool:
        return True

    def _parts(self, batch: Batch, include_private: bool | None) -> Iterator[bytes]:
        with_key = self.with_key(batch, include_private)
        if include_private:
            policy.require(self.actor, Verb.EXPORT_KEY, batch)
        try:
            parts = services.stream_batch(actor=self.actor, batch=batch, include_private=with_key)
        except Conflict:
            if include_private:
                raise
            # Nobody has asked for keys that a rule holds back.
            parts = services.stream_batch(actor=self.actor, batch=batch, include_private=False)
        return _on_behalf(current(), parts)


def _on_behalf(context: Context | None, parts: Iterator[bytes]) -> Iterator[bytes]:
    """The parts, each made as a part of the request, which is over when they are sent."""
    while True:
        if context is None:
            part = next(parts, None)
        else:
            with running(context):
                part = next(parts, None)
        if part is None:
            return
        yield part


def _common(request: Request) -> dict[str, Any]:
    """What the query says of all rows."""
    given = request.query_params
    values: dict[str, Any] = {name: given[name] for name in _COMMON if given.get(name)}
    if "tags" in values:
        values["tags"] = [tag.strip() for tag in values["tags"].split(";") if tag.strip()]
    auto_renew = flag(request, "auto_renew")
    if auto_renew is not None:
        values["auto_renew"] = auto_renew
    return values


def _refused(error: BatchInvalid) -> Problem:
    found: dict[str, list[str]] = {}
    for number, (field, message) in error.rows.items():
        name = f"rows[{number}].{field}".rstrip(".")
        found.setdefault(name, []).append(message)
    more = {"error_rows": error.count}
    return Problem(400, error.code, error.detail, errors=found, more=more)
