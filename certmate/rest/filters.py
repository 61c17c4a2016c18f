"""Filters of lists. A value that cannot be understood is an error and never "everything"."""

from typing import Any

from django.db import models
from django.db.models import Q
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from certmate.rest.pagination import invalid_parameter

_MOST_EXACT = 1000
_LONGEST_SEARCH = 255


@extend_schema_field(bool)
class YesNoFilter(filters.TypedChoiceFilter):  # type: ignore[misc]
    """`true` or `false`; the library's own boolean takes anything else for "not given"."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["choices"] = (("true", "true"), ("false", "false"))
        super().__init__(coerce=lambda text: text == "true", **kwargs)


class PrefixSearchFilter(BaseFilterBackend):
    """`?search=`: rows of which one of the view's `search_fields` starts with the text.

    `=field` has to be equal as a whole, and may cross to another table (a fingerprint, a serial).
    """

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        text = request.query_params.get("search", "").strip()
        if not text:
            return queryset
        if len(text) > _LONGEST_SEARCH or not text.isprintable():
            raise invalid_parameter("search", f"At most {_LONGEST_SEARCH} printable characters.")
        found = Q()
        for field in view.search_fields:
            found |= (
                _equal(queryset.model, field[1:], text) if field[0] == "=" else _starts(field, text)
            )
        return queryset.filter(found)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        fields = getattr(view, "search_fields", ())
        if not fields:
            return []
        starts = " or ".join(field for field in fields if field[0] != "=")
        equal = [field[1:].rpartition("__")[2] for field in fields if field[0] == "="]
        whole = f"; or is its {' or '.join(equal)}" if equal else ""
        description = f"What {starts} starts with{whole}."
        return [
            {
                "name": "search",
                "in": "query",
                "description": description,
                "schema": {"type": "string"},
            }
        ]


def _starts(field: str, text: str) -> Q:
    return Q(**{f"{field}__begins": text.lower()})


def _equal(model: type[models.Model], path: str, text: str) -> Q:
    # Fetched first, by one look-up in an index: PostgreSQL reads the whole table for a subquery
    # that is one of two ways to be found.
    value = text.lower().removeprefix("sha256:").replace(":", "")
    rows = model._default_manager.filter(**{path: value}).order_by()
    return Q(pk__in=list(rows.values_list("pk", flat=True)[:_MOST_EXACT]))
