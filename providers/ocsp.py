"""OCSP over HTTP (RFC 6960 A.1, RFC 9919): by GET, for caches to answer for us, and by POST."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date
from django.views.decorators.http import require_http_methods

from certmate.pki.errors import PKIError
from certmate.pki.ocsp.requests import MOST_BYTES, from_path
from certmate.pki.ocsp.responses import Period
from providers import published
from providers.published import Published
from providers.services.addresses import FRESH_FOR
from providers.services.ocsp.answering import answer

RESPONSE = "application/ocsp-response"


@require_http_methods(["GET", "HEAD", "POST"])
def respond(request: HttpRequest, name: str, encoded: str = "") -> HttpResponseBase:
    """The answer to the request in the body, or in base64 in the path."""
    made = answer(name, _asked(request, encoded))
    if made.period is None:
        return HttpResponse(
            made.content,
            content_type=RESPONSE,
            headers={
                "Cache-Control": "no-store",
                "Content-Length": str(len(made.content)),
                "X-Content-Type-Options": "nosniff",
            },
        )
    return _cached(request, made.content, made.period)


def _asked(request: HttpRequest, encoded: str) -> bytes:
    """What was sent; nothing, which is no request either, for what is too long or not base64."""
    if request.method == "POST":
        length = request.META.get("CONTENT_LENGTH") or "0"
        is_short = length.isascii() and length.isdigit() and int(length) <= MOST_BYTES
        return request.body if is_short else b""
    try:
        return from_path(encoded)
    except PKIError:
        return b""


def _cached(request: HttpRequest, content: bytes, period: Period) -> HttpResponseBase:
    """With what caches need (RFC 9919). They hold it for less than it is good, because of what may
    be revoked meanwhile.
    """
    tag = hashlib.sha256(content).hexdigest()
    found = Published(
        **published.here(content),
        media_type=RESPONSE,
        tag=tag,
        changed_at=period.begins,
        fresh_for=FRESH_FOR,
        valid_until=period.ends,
    )
    response = published.answer(request, found)
    response.headers["Expires"] = http_date(period.ends.timestamp())
    return response
