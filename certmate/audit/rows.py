"""Sealed rows as they are in the database, streamed in the order of the tree, and looked at one by
one.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from auditlog.models import LogEntry
from django.db import connection

from certmate.audit import keys
from certmate.audit.canonical import (
    ENTRY_COLUMNS,
    EVENT_COLUMNS,
    JSON_PLACES,
    TIMESTAMP,
    canonical_json,
    compose,
)
from certmate.audit.faults import Fault, FaultFound, Kind
from certmate.audit.merkle import leaf_hash
from certmate.audit.models import Event, Leaf
from certmate.audit.notes import instant

_ENTRY = 1 + len(EVENT_COLUMNS)
_AT = 1 + EVENT_COLUMNS.index("at")
_STAMP = _ENTRY + TIMESTAMP
_JSON = tuple(_ENTRY + place for place in JSON_PLACES)
ID = _ENTRY
_AS_WRITTEN = re.compile(r"\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?(\+00(:00)?)?", re.ASCII)


class Row(NamedTuple):
    """A leaf, and the columns that are in the tables for it: None if they are gone."""

    position: int
    entry_id: int
    leaf: bytes
    found: Sequence[Any] | None

    @property
    def at(self) -> datetime:
        assert self.found is not None  # noqa: S101 - looked at before.
        return _time(self.found[_AT])


def rows_of(start: int, end: int, chunk: int) -> Iterator[Row]:
    """The rows at the positions from `start` up to `end`, without those that have no leaf."""
    leaf = Leaf._meta.db_table
    statement = (
        f"SELECT l.position, l.entry_id, l.hash, {_columns()} FROM {leaf} l "  # noqa: S608
        f"LEFT JOIN {_EVENT_TABLE} e ON e.entry_id = l.entry_id "
        f"LEFT JOIN {_ENTRY_TABLE} t ON t.id = e.entry_id "
        "WHERE l.position >= %s AND l.position < %s ORDER BY l.position"
    )
    for low in range(start, end, chunk):
        for row in _fetched(statement, [low, min(low + chunk, end)]):
            position, entry_id, hash_, *found = row
            there = None if found[0] is None or found[ID] is None else found
            yield Row(position, entry_id, bytes(hash_), there)


def found_by_id(ids: Sequence[int]) -> list[Sequence[Any]]:
    """The columns of these rows, in the order of their ids."""
    if not ids:
        return []
    places = ", ".join(["%s"] * len(ids))
    statement = (
        f"SELECT {_columns()} FROM {_EVENT_TABLE} e JOIN {_ENTRY_TABLE} t "  # noqa: S608
        f"ON t.id = e.entry_id WHERE e.entry_id IN ({places}) ORDER BY e.entry_id"
    )
    return _fetched(statement, ids)


_EVENT_TABLE, _ENTRY_TABLE = Event._meta.db_table, LogEntry._meta.db_table


def _columns() -> str:
    """Times and JSON as text, which Django would parse one by one for a million rows."""
    texts = {"at", "timestamp", *(ENTRY_COLUMNS[place] for place in JSON_PLACES)}
    named = [
        *(("e", name) for name in ("mac", *EVENT_COLUMNS)),
        *(("t", name) for name in ENTRY_COLUMNS),
    ]
    quote = connection.ops.quote_name
    return ", ".join(
        f"CAST({table}.{quote(name)} AS TEXT)" if name in texts else f"{table}.{quote(name)}"
        for table, name in named
    )


def _fetched(statement: str, values: Sequence[Any]) -> list[Sequence[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[Sequence[Any]] = cursor.fetchall()
        return found


def data_of(found: Sequence[Any]) -> bytes:
    """The bytes that were sealed, from the columns as they are now.

    Raises ValueError or TypeError for what CertMate never writes.
    """
    values = list(found)
    for place in _JSON:
        text = values[place]
        # The commonest two, without a look at what is in them.
        values[place] = (
            "null" if text is None else text if text == "{}" else canonical_json(json.loads(text))
        )
    at, stamp = values[_AT], values[_STAMP]
    values[_AT] = _instant(at)
    values[_STAMP] = values[_AT] if stamp == at else _instant(stamp)
    return compose(values[1:_ENTRY], values[_ENTRY:])


def told(found: Sequence[Any]) -> dict[str, Any]:
    """The row as a document."""
    made: dict[str, Any] = json.loads(data_of(found))
    return made


def _instant(text: str) -> str:
    if len(text) == 26 and text[10] == " " and text[19] == "." and text[20:].isdigit():
        return f"{text[:10]}T{text[11:]}Z"  # As SQLite has it; PostgreSQL adds an offset.
    return instant(_time(text))


def _time(text: str) -> datetime:
    # Another form of the same time would be sorted and filtered as another time by SQLite.
    if not _AS_WRITTEN.fullmatch(text):
        raise ValueError("The databases do not write times like this.")
    given = datetime.fromisoformat(text)
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def is_marked(found: Sequence[Any]) -> bool:
    """Whether CertMate has written the row, and as it is."""
    try:
        return hmac.compare_digest(keys.mark(data_of(found)), bytes(found[0]))
    except (ValueError, TypeError, RecursionError):
        return False


def looker() -> Callable[[Row, int], None]:
    """The look at one row, with the key of the marks at hand."""
    key = keys.mark_key()

    def look_at(row: Row, expected: int) -> None:
        """Raises FaultFound unless the row is what was written, and what its leaf says."""
        if row.position != expected:
            detail = "The leaf was removed from the tree."
            raise FaultFound(Fault(Kind.DELETED, detail, position=expected))
        if row.found is None:
            raise _fault(row, Kind.DELETED, "The row is sealed but no longer there.")
        try:
            data = data_of(row.found)
        except (ValueError, TypeError, RecursionError):
            raise _fault(row, Kind.EDITED, "The row has what CertMate never writes.") from None
        is_right = hmac.digest(key, data, hashlib.sha256) == bytes(row.found[0])
        if not is_right or leaf_hash(data) != row.leaf:
            raise _told_apart(row, data)

    return look_at


def _told_apart(row: Row, data: bytes) -> FaultFound:
    assert row.found is not None  # noqa: S101
    is_sealed = leaf_hash(data) == row.leaf
    if is_sealed:
        return _fault(row, Kind.INSERTED, "CertMate has not written this row: its mark is wrong.")
    if not is_marked(row.found):
        odd = ", ".join(json.loads(data).get("odd", ()))
        where = f" The two tables differ in {odd}." if odd else ""
        return _fault(row, Kind.EDITED, f"The row was changed after it was written.{where}")
    if Leaf.objects.filter(hash=leaf_hash(data)).exists():
        return _fault(row, Kind.REORDERED, "The row was sealed at another place of the tree.")
    return _fault(row, Kind.EDITED, "The row's leaf in the tree was changed.")


def _fault(row: Row, kind: Kind, detail: str) -> FaultFound:
    return FaultFound(Fault(kind, detail, row.entry_id, row.position))
