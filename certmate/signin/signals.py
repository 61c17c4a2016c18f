"""What follows from signing in, from a change of factors and from deactivation."""

from typing import Any

from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_delete, post_migrate, post_save
from django.http import HttpRequest

from certmate.audit.services import record
from certmate.core.addresses import client_address
from certmate.signin import factors, lockout, sessions, totp
from certmate.signin.configuration import SUPERUSER
from certmate.signin.models import FactorSecret


def connect() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="certmate.signin")
    mfa.authenticator_added.connect(_factor_added, dispatch_uid="certmate.signin")
    mfa.authenticator_removed.connect(_factor_removed, dispatch_uid="certmate.signin")
    mfa.authenticator_reset.connect(_codes_renewed, dispatch_uid="certmate.signin")
    post_delete.connect(_factor_gone, sender=Authenticator, dispatch_uid="certmate.signin")
    post_save.connect(_user_saved, sender=User, dispatch_uid="certmate.signin")
    post_migrate.connect(
        _check_roles, sender=apps.get_app_config("signin"), dispatch_uid="certmate.signin"
    )


def _signed_in(sender: object, request: HttpRequest | None, user: User, **_: Any) -> None:
    address = client_address(request) if request is not None else ""
    if address:
        lockout.succeeded(user.get_username(), address)


def _factor_added(
    sender: object, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    step = getattr(request, "signin_totp_step", None)
    if authenticator.type == Authenticator.Type.TOTP and step is not None:
        totp.settled(request)
        totp.use(authenticator, step)
    _changed(request, user, "signin.factor_added", authenticator)


def _factor_removed(
    sender: object, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    _changed(request, user, "signin.factor_removed", authenticator)


def _codes_renewed(
    sender: object, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    _changed(request, user, "signin.recovery_codes_renewed", authenticator)


def _changed(request: HttpRequest, user: User, event: str, authenticator: Authenticator) -> None:
    """Whoever else is signed in as this person was let in under the old rule."""
    record(user, event, factor=authenticator.type)
    factors.forget(request)
    sessions.end_all(user=user, but=request.session.session_key)


def _factor_gone(sender: object, instance: Authenticator, **_: Any) -> None:
    kept = [instance.data.get(name) for name in ("secret", "seed")]
    FactorSecret.objects.filter(pk__in=[key for key in kept if key]).delete()


def _user_saved(sender: object, instance: User, created: bool, **_: Any) -> None:
    if not created and not instance.is_active:
        sessions.end_all(user=instance)


def _check_roles(sender: object, using: str, **_: Any) -> None:
    """A misspelt role would need a second factor of nobody: that must not start."""
    wanted = set(settings.CERTMATE_SECOND_FACTOR_ROLES) - {SUPERUSER}
    groups = Group.objects.using(using).filter(name__in=wanted)
    for name in sorted(wanted - set(groups.values_list("name", flat=True))):
        raise ImproperlyConfigured(
            f"CERTMATE_SECOND_FACTOR_ROLES names {name!r}, but there is no such role or group."
        )
