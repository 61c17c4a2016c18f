"""Keyset pages: a page starts after a row, not after a number of rows.

A page costs the same however deep it is, and what is inserted or deleted meanwhile neither repeats
nor hides a row. A view declares by what its list can be ordered in `orderings`: the public name and
the column, which should be indexed. The first is the default unless `default_ordering` is another.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import models
from django.db.models import F, Q
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
PARAMETERS = frozenset({"limit", "cursor", "ordering"})


def invalid_parameter(
    name: str, message: str, code: str = "invalid"
) -> serializers.ValidationError:
    """The error for a query parameter."""
    return serializers.ValidationError({name: [ErrorDetail(message, code=code)]})


def whole_number(request: Request, name: str, default: int, *, high: int) -> int:
    """The query parameter as a number from 1 to `high`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= high:
        raise invalid_parameter(name, f"A whole number from 1 to {high}.")
    return int(text)


@dataclass(frozen=True)
class Position:
    """Just before or just after a row: its value in the ordering's column, and its primary key."""

    ordering: str
    backwards: bool
    value: str | None
    pk: str

    def encode(self) -> str:
        text = json.dumps([self.ordering, self.backwards, self.value, self.pk])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, ordering: str) -> "Position":
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            given, backwards, value, pk = json.loads(base64.urlsafe_b64decode(padded))
        except (ValueError, TypeError, RecursionError, binascii.Error) as error:
            raise invalid_parameter("cursor", "Use a cursor as it was given.") from error
        well_formed = isinstance(pk, str) and isinstance(backwards, bool)
        if not well_formed or not (value is None or isinstance(value, str)) or given != ordering:
            raise invalid_parameter(
                "cursor", "Use a cursor as it was given, with the same ordering."
            )
        return cls(ordering, backwards, value, pk)


@dataclass(frozen=True)
class Ordering:
    """One column and, unless it is unique, the primary key to decide ties.

    Rows without a value come last: what is not issued expires after all else.
    """

    text: str
    column: "models.Field[Any, Any]"
    key: "models.Field[Any, Any]"

    @classmethod
    def asked(cls, request: Request, view: Any, model: type[models.Model]) -> "Ordering":
        text = request.query_params.get("ordering") or _default(view)
        name = view.orderings.get(text.removeprefix("-"))
        if name is None:
            known = ", ".join(view.orderings)
            raise invalid_parameter("ordering", f"One of {known}; with - in front to reverse it.")
        column: Any = model._meta.get_field(name)
        key: Any = model._meta.pk
        return cls(text, column, key)

    @property
    def is_descending(self) -> bool:
        return self.text.startswith("-")

    @property
    def has_ties(self) -> bool:
        return not self.column.unique

    def terms(self, *, backwards: bool) -> list[Any]:
        descending = self.is_descending != backwards
        columns = [self.column, self.key] if self.has_ties else [self.column]
        return [_term(column, descending=descending) for column in columns]

    def position(self, row: models.Model, *, backwards: bool) -> Position:
        value = getattr(row, self.column.attname)
        text = None if value is None else self.column.value_to_string(row)
        return Position(self.text, backwards, text, str(row.pk))

    def beyond(self, position: Position) -> Q:
        """The rows after the position, or before it when it looks backwards."""
        descending = self.is_descending != position.backwards
        than = "lt" if descending else "gt"
        name = self.column.attname
        try:
            value = None if position.value is None else self.column.to_python(position.value)
            pk = self.key.to_python(position.pk)
        except (DjangoValidationError, OverflowError) as error:
            raise invalid_parameter("cursor", "Use a cursor as it was given.") from error
        if not self.has_ties:
            return Q(**{f"{name}__{than}": value})
        later = Q(**{f"{self.key.attname}__{than}": pk})
        if value is None:
            rest = Q(**{f"{name}__isnull": True}) & later
            return rest | Q(**{f"{name}__isnull": False}) if descending else rest
        # The first condition is what an index can be entered by.
        rest = Q(**{f"{name}__{than}e": value}) & (Q(**{f"{name}__{than}": value}) | later)
        return rest if descending or not self.column.null else rest | Q(**{f"{name}__isnull": True})


def _default(view: Any) -> str:
    return str(view.default_ordering or next(iter(view.orderings)))


def _term(column: "models.Field[Any, Any]", *, descending: bool) -> Any:
    expression = F(column.attname)
    if not column.null:
        return expression.desc() if descending else expression.asc()
    # PostgreSQL's own order of an index, read forwards or backwards.
    return expression.desc(nulls_first=True) if descending else expression.asc(nulls_last=True)


class CursorPagination(BasePagination):
    """`{next, previous, results}`; the links are to be followed, not made."""

    _next: str | None = None
    _previous: str | None = None

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        limit = whole_number(request, "limit", DEFAULT_LIMIT, high=MAX_LIMIT)
        ordering = Ordering.asked(request, view, queryset.model)
        text = request.query_params.get("cursor")
        start = Position.decode(text, ordering.text) if text else None
        backwards = start is not None and start.backwards
        if start is not None:
            queryset = queryset.filter(ordering.beyond(start))
        rows = list(queryset.order_by(*ordering.terms(backwards=backwards))[: limit + 1])
        page, has_more = rows[:limit], len(rows) > limit
        if backwards:
            page.reverse()
        if page and (has_more or backwards):
            self._next = link(request, ordering.position(page[-1], backwards=False))
        if page and (has_more if backwards else start is not None):
            self._previous = link(request, ordering.position(page[0], backwards=True))
        return page

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self._next, "previous": self._previous, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = [sign + name for name in view.orderings for sign in ("", "-")]
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        ordering = {"type": "string", "enum": names, "default": _default(view)}
        return [
            _parameter("limit", limit, "How many at most."),
            _parameter("cursor", {"type": "string"}, "Out of `next` or `previous`."),
            _parameter("ordering", ordering, "By what; - reverses it."),
        ]


def link(request: Request, position: Position) -> str:
    """This request's URL for the page beyond the position."""
    return replace_query_param(request.build_absolute_uri(), "cursor", position.encode())


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}
