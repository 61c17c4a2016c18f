"""Teams: made, changed, deleted; and objects given into their ownership."""

import copy
from typing import Any

from django.db import IntegrityError, models, transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.core.deleting import delete_unused
from certmate.core.errors import Conflict, InvalidRequest
from certmate.core.events import tell


def create_team(*, actor: Actor, name: str, description: str = "") -> Team:
    """Raises ValidationError for a name that is taken or no slug."""
    policy.require(actor, Verb.REQUEST, Team)
    return _save(Team(name=name, description=description))


def update_team(
    *, actor: Actor, team: Team, name: str | None = None, description: str | None = None
) -> Team:
    """Change what is given."""
    policy.require(actor, Verb.CHANGE, team)
    team.name = team.name if name is None else name
    team.description = team.description if description is None else description
    return _save(team)


def delete_team(*, actor: Actor, team: Team) -> None:
    """Delete the team; tokens that are limited to it alone end with it.

    Raises Conflict (`team.in_use`) while the team owns anything.
    """
    policy.require(actor, Verb.DELETE, team)
    in_use = Conflict(
        f"{team} owns objects. Give them to another team or delete them first.", code="team.in_use"
    )
    with transaction.atomic():
        # Held, so that no token is limited to it meanwhile.
        Team.objects.select_for_update().filter(pk=team.pk).first()
        _end_tokens(team)
        delete_unused(team, in_use)


def find_team(*, actor: Actor, name: str) -> Team | None:
    """The team of that name for an object to be in; None for "". Raises InvalidRequest."""
    if not name:
        return None
    team = policy.visible(actor, Team.objects.all()).filter(name=name).first()
    if team is None:
        raise InvalidRequest(
            f"There is no team {name!r} that you may see.", code="team.unknown", field="team"
        )
    return team


def give_to_team(*, actor: Actor, target: models.Model, team: Team | None) -> None:
    """Set the object's team, without saving it. For a new object nothing needs to be asked here.

    Raises AccessDenied for somebody who may not administer the object or not add such objects to
    the team, and if the team's grants give anybody a right to it that the actor does not hold.
    """
    owned: Any = target
    if owned.team_id == (team.pk if team else None):
        return
    policy.require(actor, Verb.ADMINISTER, target)
    policy.require_no_gain(actor, target, team=team)
    moved = copy.copy(owned)
    moved.pk, moved.team = None, team
    policy.require(actor, Verb.REQUEST, moved)
    owned.team = team


def _end_tokens(team: Team) -> None:
    """A token without a team is limited to none, so the last one does not simply go."""
    of_others = ApiToken.teams.through.objects.exclude(team=team).values("apitoken")
    limited = ApiToken.objects.filter(teams=team, revoked_at=None).exclude(pk__in=of_others)
    for token in limited.select_for_update():
        token.revoked_at = clock.now()
        token.save(update_fields=["revoked_at"])
        tell(token, "token.revoked", owner=str(token.owner))


def _save(team: Team) -> Team:
    team.full_clean()
    try:
        with transaction.atomic():
            team.save()
    except IntegrityError as error:
        raise Conflict(
            f"There is a team {team.name} by now.", code="team.exists", field="name"
        ) from error
    return team
