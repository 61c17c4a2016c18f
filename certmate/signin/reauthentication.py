"""Asking a signed-in person for proof again: password, code, or a fresh visit to the provider."""

import time
from enum import StrEnum

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.http import urlencode

from certmate.core.addresses import client_address
from certmate.core.errors import InvalidRequest
from certmate.signin import codes, lockout


class Way(StrEnum):
    """How somebody proves again who it is."""

    PASSWORD = "password"  # noqa: S105 - a way, not one
    CODE = "code"
    VISIT = "visit"


def way_of(user: User) -> Way:
    """Who has no password here shows a code; who has neither goes to a page that takes the rest."""
    if has_password(user):
        return Way.PASSWORD
    coded = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    if Authenticator.objects.filter(user=user, type__in=coded).exists():
        return Way.CODE
    return Way.VISIT


def has_password(user: User) -> bool:
    """A password that is taken: of its own or in the directory, unless the provider has the say."""
    if settings.CERTMATE_OIDC_ONLY and not user.is_superuser:
        return False
    if user.has_usable_password():
        return True
    return bool(settings.CERTMATE_LDAP) and not comes_from_provider(user)


def comes_from_provider(user: User) -> bool:
    return settings.CERTMATE_OIDC is not None and SocialAccount.objects.filter(user=user).exists()


def check_password(*, user: User, password: str, request: HttpRequest) -> None:
    """Raises LockedOut after too many guesses and InvalidRequest for a wrong password."""
    name, address = user.get_username(), client_address(request)
    lockout.check(name, address)
    if authenticate(request, username=name, password=password) != user:
        raise InvalidRequest("This is not your password.", code="signin.password_wrong")
    lockout.succeeded(name, address)


def check_code(*, user: User, code: str, request: HttpRequest) -> None:
    """Raises LockedOut after too many guesses and InvalidRequest for a wrong or used code."""
    codes.check(user=user, code=code, request=request, again=True)
    lockout.succeeded(user.get_username(), client_address(request))


def is_fresh(request: HttpRequest) -> bool:
    """Whether the caller has proved it within the last minutes."""
    records = get_authentication_records(request, request.user)
    again = [record["at"] for record in records if record.get("reauthenticated")]
    return bool(again) and time.time() - again[-1] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def page_for(request: HttpRequest) -> str:
    """The address of the page that asks, and leads back here; "" if there is no way at all."""
    ways = get_adapter().get_reauthentication_methods(request.user)
    return f"{ways[0]['url']}?{urlencode({'next': request.get_full_path()})}" if ways else ""
