"""Pages of a list that may be very long: counting a million rows costs more than showing fifty."""

from functools import cached_property
from typing import Any, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet

AHEAD = 1000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts at most `AHEAD` rows beyond the page that was asked for.

    `is_bounded` says that there are more: then `count` is a lower bound.
    """

    def __init__(self, *args: Any, page: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bound = max(page, 1) * self.per_page + AHEAD

    @cached_property
    def _counted(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list).order_by().values("pk")
        return int(rows[: self._bound + 1].count())

    @property
    def count(self) -> int:
        return min(self._counted, self._bound)

    @property
    def is_bounded(self) -> bool:
        return self._counted > self._bound
