"""`begins`: what `startswith` finds, by the index of the column on every database."""

from typing import Any

from django.db.models import CharField
from django.db.models.lookups import StartsWith

_LAST = "\U0010ffff"


@CharField.register_lookup
class Begins(StartsWith):
    """On SQLite a range, since no index serves its LIKE; also, upper case is not lower case there.

    PostgreSQL has an index for LIKE, and its collations have no such range.
    """

    lookup_name = "begins"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        # A backend has its operators under the names of Django's own lookups.
        return StartsWith(self.lhs, self.rhs).as_sql(compiler, connection)

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, params = self.process_lhs(compiler, connection)
        return f"({column} >= %s AND {column} < %s)", [
            *params,
            self.rhs,
            *params,
            f"{self.rhs}{_LAST}",
        ]
