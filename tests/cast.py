"""The people of every permission test: who they are says what to expect."""

from dataclasses import dataclass

from django.contrib.auth.models import Permission, User
from guardian.shortcuts import assign_perm

from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.access.verbs import Verb
from certmate.core import clock

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Cast:
    """`owner` may do everything, `operator` works with certificates, `auditor` looks, `outsider`
    has no right.
    """

    owner: User
    operator: User
    auditor: User
    outsider: User


def hire() -> Cast:
    """Create the cast; everybody may sign in to the admin."""
    owner = User.objects.create_superuser("owner", "owner@example.test", PASSWORD)
    operator, auditor, outsider = (
        User.objects.create_user(name, f"{name}@example.test", PASSWORD, is_staff=True)
        for name in ("operator", "auditor", "outsider")
    )
    work = [f"{verb}_certificate" for verb in Verb if verb != Verb.DELETE]
    look = [
        f"view_{model}" for model in ("certificate", "caaccount", "dnsaccount", "storagetarget")
    ]
    operator.user_permissions.set(Permission.objects.filter(codename__in=[*work, *look]))
    auditor.user_permissions.set(Permission.objects.filter(codename__in=[*look, "view_logentry"]))
    return Cast(owner=owner, operator=operator, auditor=auditor, outsider=outsider)


def confined(user: User, team: str, *verbs: str) -> Team:
    """A new team, which the user sees, and below which he has the right to these verbs."""
    made = Team.objects.create(name=team)
    assign_perm("access.view_team", user, made)
    for verb in verbs:
        assign_perm(f"access.{verb}_under_team", user, made)
    return made


def token_for(user: User, *scopes: str) -> str:
    """A bearer token of this user."""
    _, plaintext = services.create_token(
        actor=Actor.system(), owner=user, name="test", scopes=list(scopes)
    )
    return plaintext


def by_token(user: User, *scopes: str) -> Actor:
    """The user, by way of a token with these scopes."""
    return Actor.of(user, services.find_token(token_for(user, *scopes)))


def expire_tokens(user: User) -> None:
    ApiToken.objects.filter(owner=user).update(expires_at=clock.now())
