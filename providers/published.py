"""How a published file is answered: remembered for a moment, and sent only to who has it not yet.

Verifiers come without a session and over plain http, many at once and all for the same few files,
and caches answer for us: an answer says for how long it is good.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from cachetools import TTLCache
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag

from certmate.core import clock

MEMORY = 64 * 1024 * 1024
"""Bytes in each web process."""
LARGE = MEMORY // 4
"""A longer file is read for those alone who get it, one after another."""


@dataclass(frozen=True)
class Published:
    """A file with what HTTP says of it. `fresh_for` is what caches may take it for, and never
    longer than `valid_until`.

    `load` reads the content, of `size` bytes; None if there is a newer one by now.
    """

    load: Callable[[], bytes | None]
    size: int
    media_type: str
    tag: str
    changed_at: datetime | None
    fresh_for: timedelta
    valid_until: datetime | None = None

    @property
    def is_large(self) -> bool:
        return self.size > LARGE


Key = tuple[str | int, ...]

_memory: TTLCache[Key, Published] = TTLCache(
    MEMORY,
    settings.CERTMATE_PKI_MEMORY_SECONDS,
    getsizeof=lambda one: 1024 if one.is_large else one.size,
)
_lock, _one_large = Lock(), Lock()


def here(content: bytes) -> dict[str, Any]:
    """Of a file that is in memory already."""
    return {"load": lambda: content, "size": len(content)}


def remembered(key: Key, fetch: Callable[[], Published | None]) -> Published | None:
    """What `fetch` has found in the last seconds, or finds now.

    What is not there is not remembered: names that somebody makes up would fill the memory.
    """
    with _lock:
        found = _memory.get(key)
    if found is not None:
        return found
    found = fetch()
    if found is None:
        return None
    if not found.is_large:
        content = found.load()
        if content is None:
            return None
        found = replace(found, **here(content))
    with _lock:
        _memory[key] = found
    return found


def answer(request: HttpRequest, found: Published | None) -> HttpResponseBase:
    """304 for who has it already (RFC 9110 §13.1), else the content, or 404."""
    if found is None:
        return nothing()
    changed = int(found.changed_at.timestamp()) if found.changed_at else None
    headers = {
        "ETag": quote_etag(found.tag),
        "Cache-Control": f"public, max-age={_seconds(found)}, no-transform, must-revalidate",
        "X-Content-Type-Options": "nosniff",
    }
    if changed is not None:
        headers["Last-Modified"] = http_date(changed)
    known = get_conditional_response(request, etag=headers["ETag"], last_modified=changed)
    if known is not None:
        for header, value in headers.items():
            known.headers[header] = value
        return known
    content = b"" if request.method == "HEAD" else _content(found)
    if content is None:
        return HttpResponse(status=503, headers={"Retry-After": "1"})
    headers["Content-Length"] = str(found.size)
    return HttpResponse(content, content_type=found.media_type, headers=headers)


def _content(found: Published) -> bytes | None:
    if not found.is_large:
        return found.load()
    with _one_large:
        return found.load()


def nothing() -> HttpResponse:
    return HttpResponse("There is nothing here.\n", status=404, content_type="text/plain")


def _seconds(found: Published) -> int:
    fresh_for = found.fresh_for
    if found.valid_until is not None:
        fresh_for = min(fresh_for, found.valid_until - clock.now())
    return max(0, int(fresh_for.total_seconds()))
