"""API tokens: made, recognised, revoked."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.models import ApiToken
from certmate.access.verbs import IMPLIED, Scope, Verb
from certmate.core import clock
from certmate.core.errors import AccessDenied, InvalidRequest

PREFIX = "cm_"
USE_RESOLUTION = timedelta(minutes=1)


def create_token(
    *,
    actor: Actor,
    owner: User,
    name: str,
    scopes: list[str],
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token for `owner`; the second value is the token itself, which is never shown again.

    Raises AccessDenied unless the actor may add tokens, and for a token that reaches further than
    the actor does; InvalidRequest for an unknown scope or an expiry in the past.
    """
    policy.require(actor, Verb.REQUEST, ApiToken)
    _check_scopes(actor, owner, scopes)
    if expires_at is not None and expires_at <= clock.now():
        raise InvalidRequest("The expiry is in the past.", code="token.expired", field="expires_at")
    plaintext = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        owner=owner,
        name=name,
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
        digest=_digest(plaintext),
        hint=plaintext[:7],
    )
    token.full_clean()
    token.save()
    return token, plaintext


def _check_scopes(actor: Actor, owner: User, scopes: list[str]) -> None:
    if not scopes or set(scopes) - set(Scope):
        known = ", ".join(Scope)
        raise InvalidRequest(
            f"Give one or more scopes of: {known}.", code="token.scope", field="scopes"
        )
    reach = frozenset().union(*(IMPLIED[Scope(scope)] for scope in scopes))
    if not all(actor.has_scope(scope) for scope in reach):
        raise AccessDenied("A token cannot make a token with wider scopes than its own.")
    if actor.user is not None and owner != actor.user and not actor.user.is_superuser:
        raise AccessDenied("Only an administrator may make a token for somebody else.")


def revoke_token(*, actor: Actor, token: ApiToken) -> None:
    """End the token at once; a second time changes nothing."""
    policy.require(actor, Verb.CHANGE, token)
    if token.revoked_at is None:
        token.revoked_at = clock.now()
        token.save(update_fields=["revoked_at"])


def find_token(plaintext: str) -> ApiToken | None:
    """The usable token that this is, marked as used; None if there is none.

    The digest of 256 random bits is looked up as it is: a table of guesses is out of reach (so no
    slow hash is needed), and an index look-up of a hash tells a timer nothing about the token.
    """
    now = clock.now()
    token = (
        ApiToken.objects.usable(now)
        .select_related("owner")
        .annotate(has_teams=Exists(ApiToken.teams.through.objects.filter(apitoken=OuterRef("pk"))))
        .filter(digest=_digest(plaintext))
        .first()
    )
    if token and (token.last_used_at is None or now - token.last_used_at > USE_RESOLUTION):
        # update() on purpose: use is not a change to audit.
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _digest(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()
