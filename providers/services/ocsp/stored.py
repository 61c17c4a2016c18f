"""One answer out of hundreds of thousands, at a tenth of what the ORM takes to ask for it.

The same row by the same fields: the statement is made once and not for each request. Measured on
SQLite in memory: 26 µs, and 236 µs by `values_list`.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from certmate.pki.ocsp.responses import Period
from providers.models import OCSPResponse


class Stored(NamedTuple):
    """A signed answer without its responder's certificate."""

    signed: bytes
    responder_id: UUID
    period: Period


def find(key_id: UUID, serial: str, algorithm: str) -> Stored | None:
    """The answer that is ready, for who names the issuer by this hash; it may be over."""
    statement, read = _plan(connection.vendor, algorithm)
    key = OCSPResponse._meta.get_field("key").get_db_prep_value(key_id, connection)
    with connection.cursor() as cursor:
        cursor.execute(statement, (key, serial))
        row = cursor.fetchone()
    if row is None:
        return None
    signed, responder_id, begins, ends = read(row)
    return Stored(bytes(signed), responder_id, Period(begins, ends))


@lru_cache(maxsize=8)
def _plan(vendor: str, algorithm: str) -> tuple[str, Callable[[tuple[Any, ...]], list[Any]]]:
    """The statement, and how its row becomes Python's values on this kind of database."""
    meta, quote = OCSPResponse._meta, connection.ops.quote_name
    wanted = (algorithm, "responder_id", "this_update", "next_update")
    by_column = {str(field.column): field for field in meta.concrete_fields}
    fields = [by_column[name] for name in wanted]
    columns = [field.get_col(meta.db_table) for field in fields]
    converters = [
        connection.ops.get_db_converters(column) + column.get_db_converters(connection)
        for column in columns
    ]

    def read(row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for number, needed in enumerate(converters):
            for convert in needed:
                values[number] = convert(values[number], columns[number], connection)
        return values

    names = ", ".join(map(quote, wanted))
    where = " AND ".join(f"{quote(name)} = %s" for name in ("key_id", "serial"))
    return f"SELECT {names} FROM {quote(meta.db_table)} WHERE {where}", read  # noqa: S608
