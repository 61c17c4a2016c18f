"""Reading a request's body, whose sender is not trusted."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework import exceptions, parsers, renderers


class TooLarge(exceptions.APIException):
    status_code = 413
    default_code = "too_large"


class JSONParser(parsers.BaseParser):
    """One JSON object of bounded size, in which no name occurs twice (RFC 8259 §4)."""

    media_type = "application/json"
    limit: int | None = None
    """In bytes; None is what the settings say."""
    # For the API's description, which shows what the parser's renderer would send.
    renderer_class = renderers.JSONRenderer

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = read(stream, self.limit or settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        try:
            return json.loads(body, object_pairs_hook=_object, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise exceptions.ParseError(f"The body is not JSON: {_why(error)}.") from error


def read(stream: IO[Any], limit: int) -> bytes:
    """The body, of at most so many bytes: Django's own limit does not reach a stream."""
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        raise TooLarge(f"The body has more than {limit} bytes.")
    return body


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    if not "".join(found).isascii():
        raise ValueError("a name has characters that no field has")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON value")


def _why(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
