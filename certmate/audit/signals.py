"""Sign-ins, sign-outs and passwords, as Django tells of them."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save, pre_save
from django.http import HttpRequest

from certmate.audit.context import current, peer, who_is
from certmate.audit.denials import sign_in_failed
from certmate.audit.services import record, record_about


def connect() -> None:
    """Called once the models are there."""
    user_logged_in.connect(_signed_in, dispatch_uid="certmate.audit.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="certmate.audit.signed_out")
    user_login_failed.connect(_failed, dispatch_uid="certmate.audit.sign_in_failed")
    model = get_user_model()
    pre_save.connect(_look_at_password, sender=model, dispatch_uid="certmate.audit.password")
    post_save.connect(_tell_of_password, sender=model, dispatch_uid="certmate.audit.passworded")


def _signed_in(user: Any, **_: object) -> None:
    _tell(user, "user.signed_in")


def _signed_out(user: Any, **_: object) -> None:
    if user is not None:
        _tell(user, "user.signed_out")


def _tell(user: Any, event: str) -> None:
    record_about(user._meta.model, event, pk=user.pk, shown=user.get_username(), who=who_is(user))


def _failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_: object) -> None:
    context = current()
    address = peer(request) if request is not None else context.address if context else ""
    sign_in_failed(str(credentials.get("username") or ""), address)


def _look_at_password(instance: Any, update_fields: Any = None, **_: object) -> None:
    """Whether this save changes the password; a stronger hash of the same one is no change."""
    instance.__dict__["_certmate_new_password"] = False
    if instance.pk is None or not (update_fields is None or "password" in update_fields):
        return
    if instance._password is not None:
        instance.__dict__["_certmate_new_password"] = True
    elif not instance.has_usable_password():
        old = type(instance)._default_manager.filter(pk=instance.pk).first()
        instance.__dict__["_certmate_new_password"] = bool(old and old.has_usable_password())


def _tell_of_password(instance: Any, created: bool, **_: object) -> None:
    if instance.__dict__.pop("_certmate_new_password", False) and not created:
        record(instance, "user.password_changed", usable=instance.has_usable_password())
