"""Who calls: the columns of the tables.

- `root` is a superuser.
- `owner` is no superuser: his group was granted everything that hangs from the shop's team.
- `operator`, `approver`, `auditor` are members of the seeded roles of those names.
- `stranger` is to the team blue what the owner is to the shop; `outsider` has no right at all.

The others are tokens of `root`, each narrowed in one way:

- `reader` by the scope read, `logreader` by the scope audit.
- `team` to the shop and `elsewhere` to the team blue; `pattern` to names below shop.test and
  `mismatch` to names below blue.test.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from guardian.shortcuts import assign_perm

from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.access.verbs import Scope, Verb
from certmate.core import clock
from tests.cast import PASSWORD

PEOPLE = ("root", "owner", "operator", "approver", "auditor", "stranger", "outsider")
NARROWED = ("reader", "logreader", "team", "elsewhere", "pattern", "mismatch")
EVERYBODY = (*PEOPLE, *NARROWED)
"""The columns of the API's tables; the admin's are PEOPLE."""
BLIND = ("owner", "stranger", "outsider", "team", "elsewhere", "pattern", "mismatch")
"""Those to whom the hidden team's objects do not exist."""
REFUSED = ("anonymous", "expired", "revoked", "unknown", "of somebody inactive")
"""Those who are nobody to the API: 401, whatever they ask for, unless it is public."""


@dataclass(frozen=True)
class Crew:
    """A client for everybody: with tokens for the API, signed in for the admin."""

    api: dict[str, Client]
    admin: dict[str, Client]
    users: dict[str, User]

    def browser(self, who: str) -> Client:
        """His browser with its cookies; what it is told to forget, the next one knows."""
        fresh = browser()
        fresh.cookies = copy.deepcopy(self.admin[who].cookies)
        return fresh


def hire(shop: Team, blue: Team) -> Crew:
    users = {"root": User.objects.create_superuser("root", "root@example.test", PASSWORD)}
    for name in PEOPLE[1:]:
        users[name] = User.objects.create_user(
            name, f"{name}@example.test", PASSWORD, is_staff=True
        )
    for role in ("operator", "approver", "auditor"):
        users[role].groups.add(Group.objects.get(name=role))
    _own(shop, users["owner"])
    _own(blue, users["stranger"])
    api = {name: bearer(token(user, *Scope)) for name, user in users.items()}
    api |= _narrowed(users["root"], shop, blue) | _refused(users["root"])
    admin = {name: signed_in(user) for name, user in users.items()}
    users["no staff"] = User.objects.create_user("no-staff", password=PASSWORD)
    _own(shop, users["no staff"])
    admin |= {"no staff": signed_in(users["no staff"]), "anonymous": browser()}
    return Crew(api, admin, users)


def token(owner: User, *scopes: str, teams: Iterable[Team] = (), **narrowed: Any) -> str:
    """A token that is narrowed by what is set on its row."""
    made, plaintext = services.create_token(
        actor=Actor.system(), owner=owner, name=f"of {owner}", scopes=list(scopes)
    )
    ApiToken.objects.filter(pk=made.pk).update(**narrowed)
    made.teams.set(teams)
    return plaintext


def bearer(plaintext: str) -> Client:
    headers = {"Authorization": f"Bearer {plaintext}"}
    return Client(headers=headers, raise_request_exception=False)


def browser(**options: Any) -> Client:
    return Client(raise_request_exception=False, **options)


def signed_in(user: User) -> Client:
    client = browser()
    client.force_login(user)
    client.get("/account/sessions/")  # The first page of a session notes that there is one.
    return client


def _own(team: Team, user: User) -> None:
    group = Group.objects.get_or_create(name=f"{team} people")[0]
    group.user_set.add(user)
    for verb in (Verb.VIEW, Verb.CHANGE, Verb.ADMINISTER):
        assign_perm(f"access.{verb}_team", group, team)
    for verb in Verb:
        assign_perm(f"access.{verb}_under_team", group, team)
    assign_perm("access.add_apitoken", group)


def _narrowed(root: User, shop: Team, blue: Team) -> dict[str, Client]:
    admin = Scope.ADMIN
    return {
        "reader": bearer(token(root, Scope.READ)),
        "logreader": bearer(token(root, Scope.AUDIT)),
        "team": bearer(token(root, admin, teams=[shop])),
        "elsewhere": bearer(token(root, admin, teams=[blue])),
        "pattern": bearer(token(root, admin, name_patterns=["*.shop.test"])),
        "mismatch": bearer(token(root, admin, name_patterns=["*.blue.test"])),
    }


def _refused(root: User) -> dict[str, Client]:
    now = clock.now()
    gone = User.objects.create_superuser("gone", is_active=False)
    return {
        "anonymous": browser(),
        "expired": bearer(token(root, Scope.ADMIN, expires_at=now)),
        "revoked": bearer(token(root, Scope.ADMIN, revoked_at=now)),
        "unknown": bearer("cm_" + "x" * 43),
        "of somebody inactive": bearer(token(gone, Scope.ADMIN)),
    }
