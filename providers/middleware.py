"""What is answered ahead of the host, https and session rules, which verifiers cannot follow.

HTTP-01 is served from the database, so that any web worker can answer: a validator asks for the
name that is being proved, over plain HTTP and without credentials (RFC 8555 §8.3). What authorities
publish is asked for by the same kind of visitor, and by very many (RFC 5280 §8).
"""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_resolver

from certmate.core import clock
from providers.models import HTTPChallenge

PREFIX = "/.well-known/acme-challenge/"
PUBLIC = "/pki/"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")


def http01_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer validators; pass on everything else."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        return _answer(request.path_info.removeprefix(PREFIX))

    return middleware


def public_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer what is asked for below `/pki/` with its view alone; pass on everything else."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PUBLIC):
            return get_response(request)
        # Our own addresses alone: the way from the root of the site takes as long as an answer.
        addresses = get_resolver("providers.urls")
        try:
            view, args, kwargs = addresses.resolve("/" + request.path_info.removeprefix(PUBLIC))
        except Resolver404:
            return get_response(request)
        response: HttpResponseBase = view(request, *args, **kwargs)
        return response

    return middleware


def _answer(token: str) -> HttpResponse:
    challenge = None
    if _TOKEN.fullmatch(token):
        challenge = HTTPChallenge.objects.filter(token=token, expires_at__gt=clock.now()).first()
    if challenge is None:
        return HttpResponse("No such challenge.\n", status=404, content_type="text/plain")
    return HttpResponse(challenge.key_authorization, content_type="application/octet-stream")
