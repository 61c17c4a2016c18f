"""The pages of sign-in. Most are allauth's views in our templates; here is what they lack."""

import functools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from allauth.account.views import LoginView
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from requests import RequestException

from certmate.core.errors import NotFound
from certmate.signin import factors, oidc, sessions
from certmate.signin.adapters import failed

View = Callable[..., HttpResponse]


def framed(view: View) -> View:
    """A view of allauth's in the frame of the admin."""

    @functools.wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            data = {**_frame(request), **response.context_data}
            for options in data.get("js_data", {}).values():
                # In an attribute: the content policy allows nothing inline.
                data["key_options"] = json.dumps(options)
            response.context_data = data
        return response

    return never_cache(inner)


def _frame(request: HttpRequest) -> dict[str, Any]:
    frame = admin.site.each_context(request)
    if factors.is_missing(request):
        # Nothing of the navigation would open.
        frame |= {"has_permission": False, "available_apps": [], "factor_is_missing": True}
    return frame


class SecondFactor(AuthenticateView):  # type: ignore[misc]
    """The second step of sign-in; it offers what the person has."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        types = set(factors.types_of(self.stage.login.user))
        own = {"has_app": "totp" in types, "has_key": "webauthn" in types}
        return {**super().get_context_data(**kwargs), **own}


class SignIn(LoginView):  # type: ignore[misc]
    """The one page for everybody: a password, or the way to the provider."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        provider = settings.CERTMATE_OIDC
        begin = reverse("oidc_login") if provider else ""
        next_url = context["redirect_field_value"]
        return {
            **context,
            "provider": provider,
            "provider_url": f"{begin}?{urlencode({'next': next_url})}" if next_url else begin,
            "passwords_are_for_emergencies": settings.CERTMATE_OIDC_ONLY,
        }


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session here, then, for who came from the provider, offer it to end its own.

    By a page and not by a redirect: the content policy lets no form lead to another site.
    """
    facts, key = request.session.get("oidc") or {}, request.session.session_key
    was_signed_in = request.user.is_authenticated
    UserSession.objects.filter(session_key=key).delete()
    logout(request)
    if not was_signed_in:
        return redirect("account_login")
    context: dict[str, str] = {}
    if facts.get("end") and settings.CERTMATE_OIDC:
        # OpenID Connect RP-Initiated Logout 1.0 §2.
        query = {
            "id_token_hint": facts["id_token"],
            "client_id": oidc.configured().client_id,
            "post_logout_redirect_uri": f"{settings.CERTMATE_BASE_URL}{reverse('account_login')}",
        }
        joint = "&" if "?" in facts["end"] else "?"
        context = {"leave_url": f"{facts['end']}{joint}{urlencode(query)}"}
    return render(request, "registration/logged_out.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def own_sessions(request: HttpRequest) -> HttpResponse:
    """One's own sessions: where, in which browser, since when; and ending them."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - For the type checker.
    if request.method == "POST":
        return _end(request, user)
    now = request.session.session_key
    rows = [(session, session.session_key == now) for session in sessions.of(user)]
    context = {**_frame(request), "title": "Sessions", "rows": rows}
    return render(request, "usersessions/usersession_list.html", context)


def _end(request: HttpRequest, user: User) -> HttpResponse:
    number = request.POST.get("session", "")
    if number == "others":
        count = sessions.end_all(user=user, but=request.session.session_key)
        messages.success(request, f"{count} other session{'' if count == 1 else 's'} ended.")
    elif number.isascii() and number.isdigit() and len(number) < 19:
        try:
            sessions.end(user=user, number=int(number))
        except NotFound as error:
            raise Http404(error.detail) from error
        messages.success(request, "The session is ended.")
    return redirect("own_sessions")


class RemoveKey(RemoveWebAuthnView):  # type: ignore[misc]
    """Removes a security key, unless it is the last factor of somebody who must have one."""

    def form_valid(self, form: Any) -> HttpResponse:
        if not get_adapter().can_delete_authenticator(self.get_object()):
            messages.error(self.request, "Your role needs a second factor: add another one first.")
            return redirect("mfa_index")
        return super().form_valid(form)  # type: ignore[no-any-return]


@never_cache
@require_GET
def oidc_login(request: HttpRequest) -> HttpResponse:
    return _at_provider(request, None)


@never_cache
@login_required
@require_GET
def oidc_confirm(request: HttpRequest) -> HttpResponse:
    """Have the signed-in person give credentials at the provider again."""
    return _at_provider(request, request.user.pk)


@never_cache
@require_GET
def oidc_callback(request: HttpRequest) -> HttpResponse:
    """The way back from the provider."""
    oidc.configured()
    try:
        answer: HttpResponse = OAuth2CallbackView.adapter_view(oidc.IssuerAdapter(request))(request)
    except (KeyError, TypeError, ValueError):  # The provider's answer has not the form of one.
        return failed(request)
    return answer


def _at_provider(request: HttpRequest, confirms: int | None) -> HttpResponse:
    oidc.configured()
    next_url = request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(next_url, allowed_hosts={request.get_host()}):
        next_url = reverse("admin:index")
    try:
        return oidc.begin(request, next_url=next_url, confirms=confirms)
    except ImmediateHttpResponse as error:
        answer: HttpResponse = error.response
        return answer
    except (OAuth2Error, RequestException):
        return failed(request)


def no_access(request: HttpRequest) -> HttpResponse:
    """For who is signed in and has nothing to do in the admin."""
    return render(request, "signin/no_access.html", status=403)
