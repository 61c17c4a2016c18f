"""What anybody may fetch of an authority without signing in: its certificates and CRLs.

These addresses stand in all that it has signed. Verifiers come without a session and over plain
http, and caches answer for us, so an answer says for how long it is good.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag
from django.views.decorators.http import require_safe

from certmate.core import clock
from certmate.pki.inspect import pem_blocks
from providers.choices import KeyState
from providers.models import CRL, AuthorityKey

CERTIFICATE, PEM, REVOCATIONS = (
    "application/pkix-cert",
    "application/x-pem-file",
    "application/pkix-crl",
)
FRESH_FOR = timedelta(hours=1)
"""What a revocation has to wait for at a cache; a CRL never longer than it is valid."""


@require_safe
def current(request: HttpRequest, name: str, form: str) -> HttpResponseBase:
    """The certificate of the key that signs now."""
    key = _key(name, state=KeyState.ACTIVE)
    if key is None:
        return _nothing()
    if form == "pem":
        return _answer(request, key, lambda: key.cert.encode(), PEM)
    return _answer(request, key, lambda: _der(key), CERTIFICATE)


@require_safe
def of_key(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """The certificate of one key, which is what certificates signed by it point to."""
    key = _key(name, number=number)
    return _nothing() if key is None else _answer(request, key, lambda: _der(key), CERTIFICATE)


@require_safe
def crl(request: HttpRequest, name: str, shard: int) -> HttpResponseBase:
    """The newest CRL of the key that has this shard."""
    rows = CRL.objects.filter(key__authority__name=name, shard=shard).defer("content")
    # Numbers of different keys do not tell which of them the address belongs to.
    own = rows.filter(
        key__first_shard__lte=shard, key__first_shard__gt=shard - F("key__crl_shards")
    )
    newest = own.order_by("-number").first()
    if newest is None:
        return _nothing()
    return conditional(
        request,
        tag=f"{newest.number:x}",
        changed_at=newest.this_update,
        fresh_for=min(FRESH_FOR, newest.next_update - clock.now()),
        content=lambda: bytes(newest.content),
        media_type=REVOCATIONS,
    )


@require_safe
def nothing(request: HttpRequest, name: str, rest: str) -> HttpResponseBase:
    """Whatever else is asked for below an authority."""
    return _nothing()


def _key(name: str, **lookup: object) -> AuthorityKey | None:
    keys = AuthorityKey.objects.filter(authority__name=name, **lookup).exclude(cert="")
    return keys.only("cert", "fingerprint", "activated_at").first()


def _answer(
    request: HttpRequest, key: AuthorityKey, content: Callable[[], bytes], media_type: str
) -> HttpResponseBase:
    return conditional(
        request,
        tag=key.fingerprint,
        changed_at=key.activated_at,
        fresh_for=FRESH_FOR,
        content=content,
        media_type=media_type,
    )


def conditional(
    request: HttpRequest,
    *,
    tag: str,
    changed_at: datetime | None,
    fresh_for: timedelta,
    content: Callable[[], bytes],
    media_type: str,
) -> HttpResponseBase:
    """304 for who has it already (RFC 9110 §13.1), else the content."""
    seconds = max(0, int(fresh_for.total_seconds()))
    changed = int(changed_at.timestamp()) if changed_at else None
    headers = {
        "ETag": quote_etag(tag),
        "Cache-Control": f"public, max-age={seconds}, no-transform, must-revalidate",
        "X-Content-Type-Options": "nosniff",
    }
    if changed is not None:
        headers["Last-Modified"] = http_date(changed)
    known = get_conditional_response(request, etag=headers["ETag"], last_modified=changed)
    if known is None:
        return HttpResponse(content(), content_type=media_type, headers=headers)
    for header, value in headers.items():
        known.headers[header] = value
    return known


def _der(key: AuthorityKey) -> bytes:
    return pem_blocks(key.cert)[0][1]


def _nothing() -> HttpResponse:
    return HttpResponse("There is nothing here.\n", status=404, content_type="text/plain")
