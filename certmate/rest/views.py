"""The base of the API's views. What a call takes and answers is declared once: it is checked and
described from that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import models
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ErrorDetail
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb, needed_scope
from certmate.core.errors import AccessDenied, NotFound
from certmate.rest import pagination
from certmate.rest.authentication import actor_of
from certmate.rest.serializers import Input, Nothing, Output

_MOST_NAMED = 20


@dataclass(frozen=True)
class Operation:
    """One call: its name in the schema, what it takes and what it answers.

    `responses` are by status, or by status and media type; `fails` are statuses of problems that
    not every call has. With `may_wait` a rule may ask for approval, which is answered with 202.
    `text` is the media type of plain text that it takes as well.
    """

    id: str
    responses: Mapping[Any, Any]
    request: type[Input] | None = None
    parameters: tuple[OpenApiParameter, ...] = ()
    fails: tuple[int, ...] = ()
    is_public: bool = False
    may_wait: bool = False
    text: str = ""

    @property
    def query(self) -> frozenset[str]:
        """The names of its query parameters."""
        return frozenset(p.name for p in self.parameters if p.location == OpenApiParameter.QUERY)


def query(
    name: str, description: str, kind: Any = OpenApiTypes.STR, **options: Any
) -> OpenApiParameter:
    """A query parameter of one operation."""
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **options)


def flag(request: Request, name: str) -> bool | None:
    """A query parameter that says yes or no; None if it is not given."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if text.lower() not in ("0", "1", "false", "true"):
        raise pagination.invalid_parameter(name, "One of 0, 1, false, true.")
    return text.lower() in ("1", "true")


class Endpoint(GenericAPIView[Any]):
    """One address. `operations` maps a method to what it takes and answers."""

    operations: ClassVar[Mapping[str, Operation]] = {}
    tag: ClassVar[str] = ""
    # What a list can be ordered, searched and filtered by; an address without orderings is no list.
    orderings: ClassVar[Mapping[str, str]] = {}
    default_ordering: ClassVar[str] = ""
    search_fields: ClassVar[tuple[str, ...]] = ()
    filterset_class: ClassVar[Any] = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self._refuse_unknown_parameters(request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        final.headers.setdefault("Cache-Control", "no-store")
        return final

    def options(  # type: ignore[override]
        self, request: Request, *args: Any, **kwargs: Any
    ) -> Response:
        """The allowed methods, in the Allow header (RFC 9110 §9.3.7)."""
        return Response(status=204)

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def input(self, request: Request, *, partial: bool = False) -> dict[str, Any]:
        """The body, checked against the operation's declared fields."""
        declared = self.operations[str(self.request.method)].request or Nothing
        given = declared(data=request.data, partial=partial, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)

    def visible(self, rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Those of the rows that the actor may see, for a page of them; AccessDenied for a token
        that may not look.
        """
        self._require_scope(rows.model)
        return policy.listed(self.actor, rows)

    def find(self, rows: models.QuerySet[Any], verb: Verb = Verb.VIEW, **lookup: Any) -> Any:
        """The one row for this verb; NotFound if the actor may not see it, else AccessDenied.

        The verb is asked for ahead of the body, so that nobody learns by trial what a body must be.
        """
        is_legible = all(str(value).isprintable() for value in lookup.values())
        self._require_scope(rows.model)
        found = policy.visible(self.actor, rows).filter(**lookup)
        row = found.first() if is_legible else None
        if row is None:
            raise NotFound(f"There is no such {rows.model._meta.verbose_name}.")
        policy.require(self.actor, verb, row)
        return row

    def page(self, rows: models.QuerySet[Any], shown: Output) -> Response:
        """One page of the rows, searched, filtered and ordered as the query says."""
        page = self.paginate_queryset(self.filter_queryset(rows)) or ()
        return self.get_paginated_response([shown.represent(row) for row in page])

    def _require_scope(self, model: type[models.Model]) -> None:
        scope = needed_scope(model, Verb.VIEW)
        if not self.actor.has_scope(scope):
            raise AccessDenied(f"This token lacks the scope {scope}.", code="access.scope")

    def _refuse_unknown_parameters(self, request: Request) -> None:
        operation = self.operations.get(str(request.method).replace("HEAD", "GET"))
        if operation is None:
            return  # It is about to be told that the method is not allowed.
        known = operation.query | (
            self._list_parameters() if request.method in ("GET", "HEAD") else set()
        )
        unknown = sorted(set(request.query_params) - known)[:_MOST_NAMED]
        if unknown:
            message = (
                f"There is no such parameter here. Known: {', '.join(sorted(known)) or 'none'}."
            )
            told = ErrorDetail(message, code="unknown_parameter")
            raise ValidationError({name[:100]: [told] for name in unknown})

    def _list_parameters(self) -> set[str]:
        if not self.orderings:
            return set()
        names = set(pagination.PARAMETERS)
        if self.search_fields:
            names.add("search")
        return names | set(self.filterset_class.base_filters if self.filterset_class else ())
