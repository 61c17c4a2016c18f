"""Service accounts: made, described, given to a team, put out of use, deleted."""

import re
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.models import ServiceAccount, Team
from certmate.access.services.granting import require_no_superuser, require_within
from certmate.access.services.teams import find_team, give_to_team
from certmate.access.verbs import Verb
from certmate.core.errors import Conflict, InvalidRequest
from certmate.core.events import tell

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


def create_service_account(
    *, actor: Actor, name: str, description: str = "", team: str = ""
) -> ServiceAccount:
    """Make a user that is a program: without a password, without a way into the admin.

    It may nothing until somebody grants it something. Raises InvalidRequest
    (`service_account.name`), Conflict for a name that a person or program has already.
    """
    owner = find_team(actor=actor, name=team)
    policy.require(actor, Verb.REQUEST, ServiceAccount(team=owner))
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            "A name has 1 to 64 of a-z 0-9 . _ - in it and starts and ends with a letter or digit.",
            code="service_account.name",
            field="name",
        )
    try:
        with transaction.atomic():
            user = User(username=name, is_staff=False, is_superuser=False)
            user.set_unusable_password()
            user.save()
            account = ServiceAccount(user=user, team=owner, description=description)
            account.full_clean()
            account.save()
            tell(account, "service_account.created", **_told(account))
    except IntegrityError as error:
        raise Conflict(
            f"There is a user or service account {name} already.",
            code="service_account.exists",
            field="name",
        ) from error
    return account


def update_service_account(
    *,
    actor: Actor,
    account: ServiceAccount,
    description: str | None = None,
    team: str | None = None,
    is_active: bool | None = None,
) -> ServiceAccount:
    """Change what is given. The tokens of an account out of use are refused from then on.

    Raises AccessDenied, also for who would put one into use that may do more than he may; for
    another team as `give_to_team` does.
    """
    policy.require(actor, Verb.CHANGE, account)
    user = account.user
    require_no_superuser(actor, user)
    if team is not None:
        give_to_team(actor=actor, target=account, team=find_team(actor=actor, name=team))
    if description is not None:
        account.description = description
    given = {"team": team, "description": description}
    if is_active is not None and is_active != user.is_active:
        if is_active:
            require_within(actor, user)  # It lets its tokens in again.
        user.is_active = is_active
    with transaction.atomic():
        account.full_clean()
        # What is not given stays, also if somebody else has changed it meanwhile.
        account.save(update_fields=[name for name, value in given.items() if value is not None])
        if is_active is not None:
            user.save(update_fields=["is_active"])
        tell(account, "service_account.changed", **_told(account))
    return account


def delete_service_account(*, actor: Actor, account: ServiceAccount) -> None:
    """Delete the account with its tokens and grants; the audit log keeps its name.

    Raises Conflict (`service_account.in_use`) while something cannot do without it.
    """
    policy.require(actor, Verb.DELETE, account)
    require_no_superuser(actor, account.user)
    try:
        with transaction.atomic():
            tell(account, "service_account.deleted", **_told(account))
            account.user.delete()
    except ProtectedError as error:
        raise Conflict(
            f"{account} is still named by other objects. Put it out of use instead.",
            code="service_account.in_use",
        ) from error


def find_service_account(*, actor: Actor, name: str) -> ServiceAccount:
    """The account of that name. Raises InvalidRequest, which names the field `owner`."""
    accounts = policy.visible(actor, ServiceAccount.objects.select_related("user"))
    found = accounts.filter(user__username=name).first()
    if found is None:
        raise InvalidRequest(
            f"There is no service account {name!r} that you may see.",
            code="service_account.unknown",
            field="owner",
        )
    return found


def _told(account: ServiceAccount) -> dict[str, Any]:
    return {
        "name": str(account),
        "team": account.team.name if isinstance(account.team, Team) else "",
        "is_active": account.user.is_active,
    }
