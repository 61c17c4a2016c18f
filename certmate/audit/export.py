"""The log as a stream of lines: JSON lines that can be verified without CertMate, or CSV.

A JSON lines export begins with a header (public key, newest checkpoint, anchor), has one line a
row, and ends with a line that counts them. One of everything holds the whole tree; a filtered one
has the inclusion proof of each row. `verify_export.py` beside this file verifies both.
"""

import base64
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from certmate.audit import keys, notes
from certmate.audit.merkle import Tree
from certmate.audit.models import Anchor, Checkpoint, Event, Leaf, Unsealed
from certmate.audit.queries import events, plain_filters
from certmate.audit.rows import ID, Row, found_by_id, rows_of, told
from certmate.audit.tree import tree

CHUNK = 500
CSV_COLUMNS = (
    "id",
    "at",
    "event",
    "actor_kind",
    "actor",
    "token",
    "object_kind",
    "object_pk",
    "object",
    "request_id",
    "order_id",
    "address",
    "reason",
    "changes",
    "details",
)
_FORMULA = ("=", "+", "-", "@")


def json_lines(wanted: Mapping[str, Any] | None = None) -> Iterator[str]:
    """The sealed rows that fit the filters; without any the whole log."""
    newest = Checkpoint.objects.order_by("-size").first()
    anchor = Anchor.objects.order_by("-size").first()
    given = plain_filters(wanted or {})
    yield _line(_header(newest, anchor, given))
    count = 0
    rows = _all(newest, anchor) if not given else _some(events(wanted or {}), newest)
    for row in rows:
        yield _line(row)
        count += 1
    yield _line({"type": "end", "entries": count, "unsealed": Unsealed.objects.count()})


def csv_lines(wanted: Mapping[str, Any] | None = None) -> Iterator[str]:
    """The rows that fit the filters, sealed or not, oldest first."""
    writer = csv.writer(_Echo())
    yield writer.writerow(CSV_COLUMNS)
    for ids in _chunks(events(wanted or {})):
        for found in found_by_id(ids):
            row = told(found)
            yield writer.writerow([cell(row[name]) for name in CSV_COLUMNS])


def proof_of(event: Event) -> dict[str, Any] | None:
    """The inclusion proof of a row in the newest checkpoint; None while it is not sealed."""
    leaf = Leaf.objects.filter(entry_id=event.pk).first()
    newest = Checkpoint.objects.order_by("-size").first()
    if leaf is None or newest is None or leaf.position >= newest.size:
        return None
    return {
        "position": leaf.position,
        "leaf_hash": _text(bytes(leaf.hash)),
        "path": [_text(hash_) for hash_ in tree(newest.size).inclusion(leaf.position)],
        "checkpoint": newest.note,
    }


def document_of(event: Event) -> dict[str, Any]:
    """The row as it is sealed."""
    (found,) = found_by_id([event.pk])
    return told(found)


def cell(value: Any) -> str:
    """A value for a spreadsheet, which must not take it for a formula (OWASP, CSV injection)."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


class _Echo:
    """What csv writes to: gives the line back."""

    def write(self, line: str) -> str:
        return line


def _header(
    newest: Checkpoint | None, anchor: Anchor | None, given: Mapping[str, str]
) -> dict[str, Any]:
    peaks = bytes(anchor.peaks) if anchor else b""
    public = keys.public_key() if newest else b""
    return {
        "type": "certmate-audit-export",
        "version": 1,
        "origin": notes.origin_of(public) if newest else "",
        "public_key": _text(public),
        "checkpoint": newest.note if newest else "",
        "anchor": anchor.note if anchor else "",
        "peaks": [_text(peaks[n : n + 32]) for n in range(0, len(peaks), 32)],
        "complete": not given,
        "filter": dict(given),
    }


def _all(newest: Checkpoint | None, anchor: Anchor | None) -> Iterator[dict[str, Any]]:
    start, end = anchor.size if anchor else 0, newest.size if newest else 0
    for row in rows_of(start, end, CHUNK):
        yield _entry(row)


def _entry(row: Row) -> dict[str, Any]:
    # A row that is gone leaves its place empty, which the verifier tells.
    found = told(row.found) if row.found is not None else None
    return {"position": row.position, "entry": found}


def _some(rows: QuerySet[Event], newest: Checkpoint | None) -> Iterator[dict[str, Any]]:
    if newest is None:
        return
    whole = tree(newest.size)
    for ids in _chunks(rows):
        leaves = Leaf.objects.filter(entry_id__in=ids, position__lt=newest.size)
        places = dict(leaves.values_list("entry_id", "position"))
        for found in found_by_id(ids):
            if found[ID] in places:
                yield _proved(found, places[found[ID]], whole)


def _proved(found: Sequence[Any], position: int, whole: Tree) -> dict[str, Any]:
    proof = [_text(hash_) for hash_ in whole.inclusion(position)]
    return {"position": position, "entry": told(found), "proof": proof}


def _chunks(rows: QuerySet[Event]) -> Iterator[list[int]]:
    """The ids of the rows, oldest first, in lots."""
    chunk: list[int] = []
    for pk in rows.order_by("at", "pk").values_list("pk", flat=True).iterator(chunk_size=CHUNK):
        chunk.append(pk)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
