"""The filters of the lists of certificates and orders."""

from datetime import timedelta
from typing import Any

from certificates.choices import OPEN_STATES
from certmate.core import clock
from certmate.ui.filters import ChoiceFilter, VisibleRelatedFilter

_WEEK = timedelta(days=7)


class PausedFilter(ChoiceFilter):
    title, parameter_name = "paused", "paused"
    options = {"yes": "Paused", "no": "Not paused"}

    def narrow(self, queryset: Any, value: str) -> Any:
        return queryset.filter(paused_at__isnull=value == "no")


class AuthorityFilter(VisibleRelatedFilter):
    """Offered for a single authority too: what comes from a CA has none."""

    def has_output(self) -> bool:
        return bool(self.lookup_choices)


class ProgressFilter(ChoiceFilter):
    title, parameter_name = "progress", "progress"
    options = {"open": "Open", "ended": "Ended"}

    def narrow(self, queryset: Any, value: str) -> Any:
        return queryset.open() if value == "open" else queryset.exclude(state__in=OPEN_STATES)


class EndedFilter(ChoiceFilter):
    title, parameter_name = "end", "ended"
    options = {"week": "In the last 7 days"}

    def narrow(self, queryset: Any, value: str) -> Any:
        return queryset.filter(finished_at__gt=clock.now() - _WEEK)
