"""What is asked of every session: a second factor where the role needs one, and when it was seen.

Costs nothing without a session: bearer tokens, health checks and static files never get here.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from certmate.signin import factors, sessions

_OPEN = frozenset(
    {
        "account_login",
        "account_logout",
        "account_reauthenticate",
        "admin:logout",
        "mfa_activate_totp",
        "mfa_add_webauthn",
        "mfa_index",
        "oidc_callback",
        "oidc_confirm",
    }
)
"""What somebody without the second factor of the role may open: what leads to one, or out."""


class SignInMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Only where the answer needed the session anyway, and was for whom it belongs to.
        if request.session.accessed and SESSION_KEY in request.session:
            user = request.user
            if isinstance(user, User) and str(user.pk) == request.session[SESSION_KEY]:
                sessions.seen(request)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Lead to the second factor. The API's own session authentication refuses by itself."""
        if hasattr(view, "cls") or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        match = request.resolver_match
        if match is None or match.view_name in _OPEN or not factors.is_missing(request):
            return None
        return redirect("mfa_index")
