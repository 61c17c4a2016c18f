"""Second factors: who must have one, who has, and taking all of them away."""

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from certmate.audit.services import record
from certmate.core.errors import AccessDenied
from certmate.signin import sessions
from certmate.signin.configuration import SUPERUSER

PROOFS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""What a factor is; recovery codes only stand in for one."""
_SESSION_KEY = "signin_has_factor"


class SecondFactorMissing(AccessDenied):
    """The user's role needs a second factor, and none was set up."""

    default_code = "signin.second_factor_missing"

    def __init__(self) -> None:
        super().__init__("Your role needs a second factor. Set one up in the browser first.")


def is_required(user: User) -> bool:
    """Whether a role of the user is named in CERTMATE_SECOND_FACTOR_ROLES."""
    roles = settings.CERTMATE_SECOND_FACTOR_ROLES
    if not roles:
        return False
    if user.is_superuser and SUPERUSER in roles:
        return True
    return user.groups.filter(name__in=roles).exists()


def has_factor(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type__in=PROOFS).exists())


def types_of(user: User) -> list[str]:
    """The kinds of factor that the user has, recovery codes among them."""
    return list(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def is_missing(request: HttpRequest) -> bool:
    """Whether a session may do nothing but set up a factor.

    That there is one is remembered in the session, which ends when it is taken away.
    """
    user = request.user
    if not settings.CERTMATE_SECOND_FACTOR_ROLES or not isinstance(user, User):
        return False
    if request.session.get(_SESSION_KEY) or not is_required(user):
        return False
    if not has_factor(user):
        return True
    request.session[_SESSION_KEY] = True
    return False


def forget(request: HttpRequest) -> None:
    """Look again at the next request."""
    request.session.pop(_SESSION_KEY, None)


def reset(*, user: User) -> int:
    """Take away every factor of somebody who has lost theirs, and end all sessions.

    Returns how many there were.
    """
    with transaction.atomic():
        factors = Authenticator.objects.filter(user=user)
        kinds = sorted(factors.values_list("type", flat=True))
        for factor in factors:
            factor.delete()
        record(user, "signin.second_factor_reset", factors=kinds)
        sessions.end_all(user=user)
    return len(kinds)
