"""Who calls: the owner of a bearer token, or a person with a session."""

from typing import Any

from django.contrib.auth.models import User
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from certmate.access.actors import Actor
from certmate.access.models import ApiToken
from certmate.access.services import find_token
from certmate.core.addresses import client_address
from certmate.signin import factors

_REALM = 'Bearer realm="CertMate"'


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer cm_…` (RFC 6750 §2.1); `request.auth` is the token."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, credential = _authorization(request).partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = find_token(credential.strip(), client_address(request._request))
        if token is None:
            raise exceptions.AuthenticationFailed("The token is unknown, expired or revoked.")
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:
        """The challenge of every 401; a token that was refused is told so (RFC 6750 §3.1)."""
        was_refused = _authorization(request).lower().startswith("bearer ")
        return f'{_REALM}, error="invalid_token"' if was_refused else _REALM


class SessionAuthentication(authentication.SessionAuthentication):
    """A browser that is signed in to the admin; what it changes needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Raise SecondFactorMissing for who may do nothing yet but set one up."""
        found = super().authenticate(request)
        if found is not None and factors.is_missing(request._request):
            raise factors.SecondFactorMissing()
        return found

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as error:
            raise exceptions.PermissionDenied(str(error.detail), code="csrf") from error


def actor_of(request: Request) -> Actor:
    """The actor of this request, narrowed to the token if it came with one."""
    known: Actor | None = request.__dict__.get("_certmate_actor")
    if known is None:
        token = request.auth if isinstance(request.auth, ApiToken) else None
        known = request.__dict__["_certmate_actor"] = Actor.of(request.user, token)
    return known


def _authorization(request: Request) -> str:
    return request.headers.get("Authorization", "")
