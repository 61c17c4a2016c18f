"""Which rows of the log: one condition a filter, each with an index that has the list's order."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from certmate.audit.models import Event

FILTERS = {
    "event": "name",
    "actor": "actor_name",
    "actor_id": "actor_id",
    "actor_kind": "actor_kind",
    "object_kind": "object_kind",
    "object_pk": "object_pk",
    "request": "request_id",
    "order": "order_id",
    "token": "token_id",
    "address": "address",
    "since": "at__gte",
    "until": "at__lt",
}
"""The public names of the filters, and the look-ups that they are."""


def events(wanted: Mapping[str, Any]) -> QuerySet[Event]:
    """The rows that fit all of these filters; an empty value is no filter."""
    given = {FILTERS[name]: value for name, value in wanted.items() if value not in ("", None)}
    return Event.objects.filter(**given)


def plain_filters(wanted: Mapping[str, Any]) -> dict[str, str]:
    """The filters as an export states them."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in wanted.items()
        if value not in ("", None)
    }
