"""The rows of a batch as they come in: JSON objects or lines of CSV, as one kind of dictionary."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from certmate.core.errors import InvalidRequest
from certmate.pki.subject import ATTRIBUTES
from clients.services.wishes import SAN_KINDS

MOST_ROWS = 100_000
TEXTS = ("identifier", "common_name", "key", "key_type", "identity", "csr", "notes")
FIELDS = (*TEXTS, "validity_days", "tags", "subject", "san")
COLUMNS = (*TEXTS, "validity_days", "tags", *ATTRIBUTES, *SAN_KINDS)

Row = Mapping[str, Any]

_SEPARATORS = re.compile(r"[;\s]+")
_LONGEST_CELL = 64 * 1024
_MOST_DIGITS = 6


def from_json(rows: Sequence[Any]) -> Iterator[tuple[int, Row]]:
    """Rows of FIELDS, numbered from 1. Raises InvalidRequest for what is no list of objects."""
    _require_number(len(rows))
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise InvalidRequest("A row is an object.", code="batch.row", field=f"rows[{number}]")
        yield number, row


def from_csv(text: str) -> Iterator[tuple[int, Row]]:
    """Lines under a header of COLUMNS, numbered from 1; names in one cell have spaces or
    semicolons between them.

    Raises InvalidRequest (`batch.csv`).
    """
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _require_header(header)
        for number, cells in enumerate((cells for cells in reader if cells), start=1):
            _require_number(number)
            if len(cells) != len(header):
                raise _malformed(f"Row {number} has {len(cells)} cells, not {len(header)}.")
            yield number, _row(dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise _malformed(f"Line {reader.line_num} is not CSV: {error}.") from error


def _row(cells: dict[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {name: cells[name] for name in TEXTS if cells.get(name)}
    if days := cells.get("validity_days", "").strip():
        # What is no number is refused with its row, like every other value.
        is_number = days.isascii() and days.isdigit() and len(days) <= _MOST_DIGITS
        row["validity_days"] = int(days) if is_number else days
    if tags := [tag.strip() for tag in cells.get("tags", "").split(";") if tag.strip()]:
        row["tags"] = tags
    row["subject"] = {name: cells[name] for name in ATTRIBUTES if cells.get(name)}
    row["san"] = {
        kind: [name for name in _SEPARATORS.split(cells[kind]) if name]
        for kind in SAN_KINDS
        if cells.get(kind)
    }
    return row


def _require_header(header: list[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    if unknown or len(set(header)) != len(header) or not header:
        raise _malformed(
            f"The first line names the columns, each once. Known: {', '.join(COLUMNS)}."
            + (f" Unknown: {unknown[0][:40]!r}." if unknown else "")
        )


def _require_number(number: int) -> None:
    if number > MOST_ROWS:
        raise InvalidRequest(
            f"A batch has at most {MOST_ROWS} rows.", code="batch.too_many", field="rows"
        )


def _malformed(detail: str) -> InvalidRequest:
    return InvalidRequest(detail, code="batch.csv", field="rows")
