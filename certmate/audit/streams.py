"""Exports as answers: streamed, and told of in the log before the first line leaves."""

from collections.abc import Mapping
from typing import Any

from django.http import StreamingHttpResponse

from certmate.audit import export, sealing
from certmate.audit.queries import plain_filters
from certmate.audit.services import record

JSON_LINES, CSV = "application/jsonl", "text/csv"


def streamed(form: str, wanted: Mapping[str, Any]) -> StreamingHttpResponse:
    """The rows that fit the filters, as `jsonl` or `csv`."""
    record(sealing.state(), "audit.exported", form=form, filters=plain_filters(wanted))
    lines = export.csv_lines(wanted) if form == "csv" else export.json_lines(wanted)
    response = StreamingHttpResponse(lines, content_type=CSV if form == "csv" else JSON_LINES)
    response["Content-Disposition"] = f'attachment; filename="audit.{form}"'
    response["Cache-Control"] = "no-store"
    return response
