"""How often a caller may call: a token, a signed-in user, or an address that is neither.

Who is let in is counted once a call, by token or user; who is not, by address, and the tokens that
are wrong more strictly. A right token is never refused for what others at its address do. Views
without a sign-in (/health, /ready) take no part.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from certmate.access.models import ApiToken
from certmate.core import rates
from certmate.core.addresses import client_address, network
from certmate.rest import problems


class CallerThrottle(BaseThrottle):
    """By token, and by user for a session."""

    _wait = rates.NO_WAIT

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the call."""
        if isinstance(request.auth, ApiToken):
            self._wait = _take("token", str(request.auth.pk))
        elif request.user is not None:
            self._wait = _take("user", str(request.user.pk))
        return not self._wait

    def wait(self) -> float:
        """Seconds until it may be tried again."""
        return self._wait.total_seconds()


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """The answer to what a view raised; a refused sign-in counts against its address."""
    kind = _kind(exc)
    if kind:
        wait = _take(kind, network(client_address(context["request"]._request)))
        if wait:
            exc = exceptions.Throttled(wait.total_seconds())
    return problems.exception_handler(exc, context)


def _kind(exc: Exception) -> str:
    if isinstance(exc, exceptions.NotAuthenticated):
        return "anonymous"
    if isinstance(exc, exceptions.AuthenticationFailed):
        return "failed"
    is_forged = isinstance(exc, exceptions.APIException) and exc.get_codes() == "csrf"
    return "failed" if is_forged else ""


def _take(kind: str, who: str) -> timedelta:
    calls: int = settings.CERTMATE_RATES[kind]
    return rates.take(f"{kind}:{who}", rates.Rate(calls)) if calls else rates.NO_WAIT
