"""Whoever asked for something that is done later, with the rights of then."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User

from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Requested
from certmate.core.errors import AccessDenied


def asked_by(actor: Actor) -> dict[str, Any]:
    """The fields of a `Requested` row, but for the request's id."""
    return {
        "requested_by": actor.user,
        "requested_token": actor.token,
        "by_token": actor.token is not None,
        "by_system": actor.user is None,
    }


def require_still(row: Requested, may: Callable[[Actor], bool]) -> None:
    """Raise AccessDenied (`access.withdrawn`) if whoever asked for the row may not do so now."""
    if row.by_system:
        return
    if not may(actor_of(row)):
        raise AccessDenied(
            "Whoever asked for this may not do so any more.", code="access.withdrawn"
        )


def actor_of(row: Requested) -> Actor:
    """Whoever asked for the row, with what that one may do now."""
    if row.by_system:
        return Actor.system()
    return present(row.requested_by_id, row.requested_token_id, by_token=row.by_token)


def present(user_id: int | None, token_id: int | None, *, by_token: bool) -> Actor:
    """The actor with what the user and the token may do now: both are read anew.

    One whose user is gone is nobody. So is a token that is gone: without it the user would have all
    his rights.
    """
    user = User.objects.filter(pk__in=[user_id]).first()
    token = ApiToken.objects.select_related("owner").filter(pk__in=[token_id]).first()
    if user is None or (by_token and token is None):
        return Actor.nobody()
    return Actor.of(user, token)
