"""Checking a code of the second factor: counted like a password, whoever asks for it."""

from allauth.mfa import signals
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest

from certmate.core.addresses import client_address
from certmate.core.errors import InvalidRequest
from certmate.signin import lockout, totp


def check(*, user: User, code: str, request: HttpRequest, again: bool) -> Authenticator:
    """The factor that the code belongs to; the code is used up. `again`: of a signed-in user.

    Raises LockedOut after too many guesses and InvalidRequest for a wrong or used code.
    """
    lockout.attempt(user.get_username(), client_address(request))
    factors = Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.WEBAUTHN)
    # The app before the recovery codes.
    for factor in sorted(factors, key=lambda one: one.type != Authenticator.Type.TOTP):
        if _accepts(factor, code):
            factor.user = user
            return factor
    _tell(user, request, factors.first(), again=again)
    raise InvalidRequest("The code is wrong or was used before.", code="signin.code_wrong")


def _accepts(factor: Authenticator, code: str) -> bool:
    if factor.type == Authenticator.Type.TOTP:
        return totp.accept(factor, code)
    return bool(factor.wrap().validate_code(code))


def _tell(user: User, request: HttpRequest, factor: Authenticator | None, *, again: bool) -> None:
    credentials = {"username": user.get_username(), "code": "*"}
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)
    signals.authentication_failed.send(
        sender=Authenticator,
        request=request,
        user=user,
        authenticator=factor,
        reauthentication=again,
    )
