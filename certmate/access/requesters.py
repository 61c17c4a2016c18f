"""Whoever asked for something that is done later, with the rights of then."""

from django.contrib.auth.models import User

from certmate.access.actors import Actor
from certmate.access.models import ApiToken


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
