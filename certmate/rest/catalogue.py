"""Catalogues, which are data of the program: listed like everything else, and never written."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.core.errors import NotFound
from certmate.core.parameters import Parameter
from certmate.rest.filters import PrefixSearchFilter
from certmate.rest.pagination import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Position,
    invalid_parameter,
    link,
    whole_number,
)
from certmate.rest.serializers import Output
from certmate.rest.views import Endpoint, Operation


class ParameterOutput(Output):
    """One value that an account or target needs."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    help = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    secret = serializers.BooleanField(help_text="Write-only.")
    default = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField(), help_text="Empty: any text.")
    multiline = serializers.BooleanField()

    class Meta:
        ref_name = "Parameter"

    def represent(self, instance: Parameter) -> dict[str, Any]:
        return {
            "name": instance.name,
            "label": instance.label,
            "help": instance.help,
            "required": instance.required,
            "secret": instance.secret,
            "default": instance.default,
            "choices": list(instance.choices),
            "multiline": instance.multiline,
        }


def operations(
    noun: str, representation: type[Output]
) -> tuple[dict[str, Operation], dict[str, Operation]]:
    """Those of the list and those of one entry."""
    return (
        {"GET": Operation(f"list_{noun}s", {200: representation(many=True)})},
        {"GET": Operation(f"get_{noun}", {200: representation})},
    )


class Catalogue(Endpoint):
    """All entries, by slug."""

    entries: ClassVar[Mapping[str, Any]]
    representation: ClassVar[type[Output]]
    orderings: ClassVar[Mapping[str, str]] = {"slug": "slug"}
    search_fields = ("slug", "label")
    filter_backends = (PrefixSearchFilter,)

    def get(self, request: Request) -> Response:
        """One page, by slug."""
        limit = whole_number(request, "limit", DEFAULT_LIMIT, high=MAX_LIMIT)
        ordering = request.query_params.get("ordering") or "slug"
        if ordering.removeprefix("-") != "slug":
            raise invalid_parameter("ordering", "One of slug; with - in front to reverse it.")
        text = request.query_params.get("cursor")
        start = Position.decode(text, ordering) if text else None
        backwards = start is not None and start.backwards
        descending = ordering.startswith("-") != backwards
        slugs = [
            slug
            for slug in sorted(self._found(request), reverse=descending)
            if _beyond(slug, start, descending)
        ]
        page, has_more = slugs[:limit], len(slugs) > limit
        if backwards:
            page.reverse()
        has_next, has_previous = (True, has_more) if backwards else (has_more, start is not None)
        shown = self.representation()
        return Response(
            {
                "next": _link(request, ordering, page[-1:] if has_next else [], backwards=False),
                "previous": _link(
                    request, ordering, page[:1] if has_previous else [], backwards=True
                ),
                "results": [shown.represent(self.entries[slug]) for slug in page],
            }
        )

    def _found(self, request: Request) -> Sequence[str]:
        text = request.query_params.get("search", "").strip().lower()
        return [
            slug
            for slug, entry in self.entries.items()
            if slug.startswith(text) or entry.label.lower().startswith(text)
        ]


class CatalogueEntry(Endpoint):
    """One entry."""

    entries: ClassVar[Mapping[str, Any]]
    representation: ClassVar[type[Output]]

    def get(self, request: Request, slug: str) -> Response:
        """The entry of that slug."""
        if slug not in self.entries:
            raise NotFound("There is no such entry in the catalogue.")
        return Response(self.representation().represent(self.entries[slug]))


def _beyond(slug: str, start: Position | None, descending: bool) -> bool:
    if start is None:
        return True
    return slug < start.pk if descending else slug > start.pk


def _link(request: Request, ordering: str, ends: Sequence[str], *, backwards: bool) -> str | None:
    return link(request, Position(ordering, backwards, None, ends[0])) if ends else None
