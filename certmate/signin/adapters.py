"""Where allauth asks how this site wants it: no sign-up, no mail, one provider, our own counts."""

import logging
import uuid
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.emailkit import valid_email_or_none
from allauth.account.internal.flows.login import record_authentication
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from certmate.core.addresses import client_address
from certmate.signin import factors, lockout, oidc, reauthentication, roles
from certmate.signin.models import FactorSecret

logger = logging.getLogger(__name__)

REFUSED = "Please enter a correct user name and password. Both are case-sensitive."
_PASSWORDS = "certmate.signin.passwords.PasswordBackend"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-in by user name."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": REFUSED,
        "incorrect_password": "This is not your password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "::"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Say that it is locked; the backend counts, and refuses whoever does not ask here."""
        try:
            lockout.check(str(credentials.get("username", "")), client_address(request))
        except lockout.LockedOut as error:
            raise forms.ValidationError(error.detail, code=error.code) from error

    def reauthenticate(self, user: User, password: str) -> bool:
        is_right: bool = super().reauthenticate(user, password)
        if is_right:
            lockout.succeeded(user.get_username(), client_address(context.request))
        return is_right

    def login(self, request: HttpRequest, user: User) -> None:
        # Whichever way somebody came, this one loads the session's user, and none that is inactive.
        user.backend = _PASSWORDS
        super().login(request, user)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        messages.error(request, REFUSED)
        return redirect("account_login")

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Whenever it was not just done; allauth itself asks nothing of who has only the provider.

        Raises PermissionDenied for who has no way to do it.
        """
        request = context.request
        if reauthentication.is_fresh(request):
            return False
        if not self.get_reauthentication_methods(request.user):
            raise PermissionDenied("There is nothing that this account could confirm with.")
        raise ReauthenticationRequired

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """The password where it counts, then factors, then the provider."""
        if not isinstance(user, User):
            return []
        found: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        ways = [way for way in found if way["id"] != "reauthenticate"]
        if reauthentication.has_password(user):
            own = {"id": "reauthenticate", "description": "Use your password"}
            ways.insert(0, {**own, "url": reverse("account_reauthenticate")})
        if reauthentication.comes_from_provider(user):
            own = {"id": "oidc", "description": f"Use {oidc.configured().name}"}
            ways.append({**own, "url": reverse("oidc_confirm")})
        return ways


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors; their secrets are sealed in rows of our own."""

    def encrypt(self, text: str) -> str:
        return str(FactorSecret.objects.create(value={"text": text}).pk)

    def decrypt(self, encrypted_text: str) -> str:
        return str(FactorSecret.objects.get(pk=uuid.UUID(encrypted_text)).value["text"])

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Not the last one of somebody whose role needs one."""
        others = Authenticator.objects.filter(user=authenticator.user, type__in=factors.PROOFS)
        is_last = not others.exclude(pk=authenticator.pk).exists()
        return not (is_last and factors.is_required(authenticator.user))

    def _get_site_name(self) -> str:
        return "CertMate"


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """People from the provider."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def list_apps(self, request: HttpRequest, **wanted: Any) -> list[Any]:
        return []  # The one provider is configured by the environment, never by a row.

    def get_provider(
        self, request: HttpRequest, provider: str, client_id: str | None = None
    ) -> Any:
        return oidc.Provider(request)

    def get_requests_session(self) -> Any:
        session = super().get_requests_session()
        session.max_redirects = 0
        return session

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Raise PermissionDenied for what does not belong to this attempt; map the roles."""
        oidc.check_nonce(sociallogin)
        sociallogin.token = None  # Not needed any more, so that no session keeps it.
        confirms = (sociallogin.state.get("data") or {}).get("confirms")
        if confirms is not None:
            raise ImmediateHttpResponse(self._confirm(request, sociallogin, confirms))
        if request.user.is_authenticated:
            logout(request)
        request.session["oidc"] = sociallogin.oidc_session
        if sociallogin.is_existing and sociallogin.user.is_active:
            self._map_roles(sociallogin)

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: Any) -> Any:
        user = super().populate_user(request, sociallogin, data)
        email = oidc.claims_of(sociallogin).get("email")
        user.email = (valid_email_or_none(email) if isinstance(email, str) else None) or ""
        return user

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> Any:
        user = super().save_user(request, sociallogin, form)
        self._map_roles(sociallogin)
        user.refresh_from_db()
        return user

    def on_authentication_error(self, request: HttpRequest, provider: Any, **about: Any) -> None:
        """Tell who listens, and show our page; what exactly was wrong stands in the log only."""
        found = about.get("exception") or about.get("error") or "no such attempt"
        logger.warning("Sign-in by OpenID Connect failed: %s", str(found)[:300])
        credentials = {"username": "", "provider": oidc.configured().name}
        user_login_failed.send(sender=__name__, credentials=credentials, request=request)
        raise ImmediateHttpResponse(failed(request))

    def _map_roles(self, login: SocialLogin) -> None:
        provider, claims = oidc.configured(), oidc.claims_of(login)
        roles.apply_claims(provider=provider, user=login.user, claims=claims)

    def _confirm(self, request: HttpRequest, login: SocialLogin, confirms: int) -> HttpResponse:
        is_same = login.is_existing and login.user.pk == request.user.pk == confirms
        if not is_same or not oidc.is_fresh(login):
            raise PermissionDenied("Somebody else, or no fresh sign-in.")
        about = {"provider": login.account.provider, "uid": login.account.uid}
        user = request.user
        record_authentication(request, user, "socialaccount", reauthenticated=True, **about)
        return HttpResponseRedirect(login.get_redirect_url(request) or reverse("admin:index"))


def failed(request: HttpRequest) -> HttpResponse:
    """The page of a sign-in at the provider that came to nothing."""
    return render(request, "signin/failed.html", status=403)
