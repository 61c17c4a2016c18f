"""API tokens: made, recognised, rotated, revoked.

A token never exceeds its owner, because the policy asks the owner's rights at each call. A token
that was made by a token never exceeds that one. One that is narrowed to teams or names makes none,
but each may revoke itself, and with the admin scope rotate itself: its secret changes then, and
neither its limits nor its end.
"""

import hashlib
import logging
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from certmate.access import owners, policy, ranges
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.access.services.granting import require_within
from certmate.access.verbs import IMPLIED, Scope, Verb
from certmate.core import clock
from certmate.core.errors import AccessDenied, Conflict, InvalidRequest, NotFound
from certmate.core.events import tell

logger = logging.getLogger(__name__)

PREFIX = "cm_"
USE_RESOLUTION = timedelta(minutes=1)
MOST_TEAMS = 50
LONGEST_OVERLAP = timedelta(days=30)
LATEST = timedelta(days=36500)


def create_token(
    *,
    actor: Actor,
    owner: User,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None = None,
    teams: Collection[Team] = (),
    name_patterns: Collection[str] = (),
    networks: Collection[str] = (),
    is_agent: bool = False,
) -> tuple[ApiToken, str]:
    """Make a token for `owner`; the second value is the token itself, which is never shown again.

    Raises AccessDenied for somebody who does not act for the owner, and for a token that reaches
    further than the token that asks; InvalidRequest for limits or an expiry that make no sense.
    """
    require_may_make(actor, owner)
    token, plaintext = _drafted(
        owner=owner,
        made_by=_maker(actor),
        name=name,
        scopes=_checked_scopes(scopes),
        expires_at=expires_at,
        name_patterns=ranges.patterns(name_patterns),
        networks=ranges.networks(networks),
        is_agent=is_agent,
    )
    _check_expiry(expires_at)
    _check_teams(actor, teams)
    _require_within(actor, token)
    with transaction.atomic():
        _store(token, teams)
        tell(token, "token.created", **_told(token))
    return token, plaintext


def require_may_make(actor: Actor, owner: User | None = None) -> None:
    """Raise AccessDenied unless the actor may make tokens for this owner, or for any at all.

    A token of somebody else is all that this one may do, so nobody makes one for who may do more.
    """
    if actor.limits is not None:
        raise AccessDenied("A token that is narrowed to teams or names makes no tokens.")
    if not actor.has_scope(Scope.ADMIN):
        raise AccessDenied(f"This token lacks the scope {Scope.ADMIN}.", code="access.scope")
    is_trusted = policy.allowed(actor, Verb.REQUEST, ApiToken)
    if owner is None and not is_trusted and owners.administers_any(actor):
        return
    if owner is None or owner == actor.user:
        policy.require(actor, Verb.REQUEST, ApiToken)
        return
    if not owners.acts_for(actor, owner):
        raise AccessDenied("Only who may administer a service account makes a token for it.")
    require_within(actor, owner)


def rotate_token(
    *, actor: Actor, token: ApiToken, overlap: timedelta = timedelta()
) -> tuple[ApiToken, str]:
    """Make a successor with the same limits; the old token still works for the overlap.

    The successor lives as long as the old one was made to, but one that a token asks for never
    longer than that token. Raises Conflict if the token was rotated before (`token.rotated`) or has
    ended (`token.ended`), AccessDenied as `create_token` does.
    """
    _require_may_rotate(actor, token)
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise InvalidRequest(
            f"The overlap is at most {LONGEST_OVERLAP.days} days.",
            code="token.overlap",
            field="overlap",
        )
    with transaction.atomic():
        old = ApiToken.objects.select_for_update().get(pk=token.pk)
        _require_rotatable(old)
        made, plaintext = _successor(actor, old)
        _require_within(actor, made)
        try:
            with transaction.atomic():
                _store(made, list(old.teams.all()))
        except IntegrityError as error:
            raise _rotated(old) from error
        end = clock.now() + overlap
        old.expires_at = end if old.expires_at is None else min(old.expires_at, end)
        old.save(update_fields=["expires_at"])
        tell(made, "token.rotated", replaces=old.pk, old_ends_at=str(old.expires_at), **_told(made))
    return made, plaintext


def revoke_token(*, actor: Actor, token: ApiToken) -> None:
    """End the token at once; a second time changes nothing. Raises AccessDenied, NotFound."""
    _require(actor, Verb.CHANGE, token)
    with transaction.atomic():
        found = ApiToken.objects.select_for_update().get(pk=token.pk)
        if found.revoked_at is None:
            found.revoked_at = clock.now()
            found.save(update_fields=["revoked_at"])
            tell(found, "token.revoked", owner=str(found.owner))
    token.revoked_at = found.revoked_at


def find_token(plaintext: str, address: str = "") -> ApiToken | None:
    """The usable token that this is, marked as used; None if there is none for this address.

    The digest of 256 random bits is looked up as it is: a table of guesses is out of reach (so no
    slow hash is needed), and an index look-up of a hash tells a timer nothing about the token.
    """
    now = clock.now()
    token = (
        ApiToken.objects.usable(now)
        .select_related("owner__service_account")
        .annotate(has_teams=Exists(ApiToken.teams.through.objects.filter(apitoken=OuterRef("pk"))))
        .filter(digest=_digest(plaintext))
        .first()
    )
    if token is None:
        return None
    if token.networks and not ranges.contains(token.networks, address):
        logger.warning(
            "Token %s of %s was refused from %s, which is none of its networks.",
            token,
            token.owner,
            address or "a unix socket",
        )
        return None
    if token.last_used_at is None or now - token.last_used_at > USE_RESOLUTION:
        # update() on purpose: use is not a change to audit.
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _drafted(**fields: Any) -> tuple[ApiToken, str]:
    plaintext = PREFIX + secrets.token_urlsafe(32)
    return ApiToken(digest=_digest(plaintext), hint=plaintext[:7], **fields), plaintext


def _store(token: ApiToken, teams: Collection[Team]) -> None:
    token.full_clean()
    token.save()
    if teams:
        token.teams.set(teams)


def _successor(actor: Actor, old: ApiToken) -> tuple[ApiToken, str]:
    expires_at = old.expires_at and clock.now() + (old.expires_at - old.created_at)
    if actor.token is not None and actor.token.expires_at is not None:
        ends = actor.token.expires_at
        expires_at = ends if expires_at is None else min(expires_at, ends)
    kept = ("owner", "name", "scopes", "name_patterns", "networks", "is_agent")
    limits = {field: getattr(old, field) for field in kept}
    return _drafted(**limits, made_by=_maker(actor), expires_at=expires_at, replaces=old)


def _maker(actor: Actor) -> User | None:
    """The person behind it: what a token makes is known to whoever made that one."""
    return actor.user if actor.token is None else actor.token.made_by


def _require(actor: Actor, verb: Verb, token: ApiToken) -> None:
    if owners.allowed(actor, verb, token):
        return
    if not owners.allowed(actor, Verb.VIEW, token):
        raise NotFound("There is no such API token.")
    raise AccessDenied(f"You may not {verb} this API token.")


def _require_may_rotate(actor: Actor, token: ApiToken) -> None:
    _require(actor, Verb.CHANGE, token)
    if actor.token != token:
        require_may_make(actor, token.owner)
    elif not actor.has_scope(Scope.ADMIN):
        raise AccessDenied(
            f"A token rotates itself only with the scope {Scope.ADMIN}.", code="access.scope"
        )


def _require_rotatable(token: ApiToken) -> None:
    if ApiToken.objects.filter(replaces=token).exists():
        raise _rotated(token)
    if not token.is_usable(clock.now()):
        raise Conflict(f"{token} has ended. Make a new token.", code="token.ended")


def _rotated(token: ApiToken) -> Conflict:
    return Conflict(f"{token} has a successor already. Rotate that one.", code="token.rotated")


def _require_within(actor: Actor, token: ApiToken) -> None:
    """Raise AccessDenied for a token that reaches further than the one that asks for it."""
    if actor.scopes is None or actor.token is None:
        return
    reach = frozenset().union(*(IMPLIED[Scope(scope)] for scope in token.scopes))
    ends, own = token.expires_at, actor.token
    gains = {
        "scopes": not reach <= actor.scopes,
        "expires_at": own.expires_at is not None and (ends is None or ends > own.expires_at),
        "networks": bool(own.networks) and not ranges.within(token.networks, own.networks),
        "is_agent": own.is_agent and not token.is_agent,
    }
    for field, exceeds in gains.items():
        if exceeds:
            raise AccessDenied(
                f"A token cannot make one that reaches further than itself: {field}.",
                code="access.gain",
                field=field,
            )


def _checked_scopes(scopes: Collection[str]) -> list[str]:
    if not scopes or set(scopes) - set(Scope):
        known = ", ".join(Scope)
        raise InvalidRequest(
            f"Give one or more scopes of: {known}.", code="token.scope", field="scopes"
        )
    return sorted(set(scopes))


def _check_expiry(expires_at: datetime | None) -> None:
    now = clock.now()
    if expires_at is not None and not now < expires_at <= now + LATEST:
        raise InvalidRequest(
            "The expiry is in the past, or further away than a century.",
            code="token.expired",
            field="expires_at",
        )


def _check_teams(actor: Actor, teams: Collection[Team]) -> None:
    if len(teams) > MOST_TEAMS:
        raise InvalidRequest(
            f"A token is limited to {MOST_TEAMS} teams at most.",
            code="token.too_many",
            field="teams",
        )
    for team in teams:
        policy.require(actor, Verb.VIEW, team)


def _told(token: ApiToken) -> dict[str, object]:
    return {
        "owner": str(token.owner),
        "scopes": token.scopes,
        "teams": sorted(team.name for team in token.teams.all()),
        "name_patterns": token.name_patterns,
        "networks": token.networks,
        "is_agent": token.is_agent,
        "expires_at": token.expires_at and token.expires_at.isoformat(),
    }


def _digest(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()
