"""Filters of lists: none asks the database for all values, none shows what is hidden."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.core import clock

MOST = 200
"""Choices of a filter; beyond that a search is quicker."""


class VisibleRelatedFilter(admin.RelatedFieldListFilter):
    """Choices of a foreign key by name, limited to the objects that the user may see."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]"
    ) -> Any:
        related = field.remote_field.model._default_manager.all()
        visible = policy.visible(Actor.of(request.user), related)
        return list(visible.values_list("pk", "name")[:MOST])

    @property
    def include_empty_choice(self) -> bool:
        return False


class ChoiceFilter(admin.SimpleListFilter):
    """A filter whose choices are known: `options` maps a value to its label."""

    options: dict[str, str] = {}

    def lookups(
        self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]"
    ) -> list[tuple[str, str]]:
        return list(self.options.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return self.narrow(queryset, value) if value in self.options else queryset

    def narrow(self, queryset: Any, value: str) -> Any:
        """The rows for one of the options."""
        raise NotImplementedError


class ExpiryFilter(ChoiceFilter):
    """Of rows that can be asked which are `expired`, or `expiring` within some time."""

    title, parameter_name = "expiry", "expiry"
    options = {
        "expired": "Expired",
        "7": "Within 7 days",
        "30": "Within 30 days",
        "90": "Within 90 days",
        "never": "Not issued yet",
    }

    def narrow(self, queryset: Any, value: str) -> Any:
        now = clock.now()
        if value == "expired":
            return queryset.expired(now)
        if value == "never":
            return queryset.filter(expires_at=None)
        return queryset.expiring(now, timedelta(days=int(value)))
