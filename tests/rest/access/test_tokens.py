"""/api/tokens, /api/service-accounts and /api/me."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from guardian.shortcuts import assign_perm

from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, ServiceAccount, Team
from certmate.core import clock
from tests.caller import Caller, problem
from tests.cast import Cast, token_for

pytestmark = pytest.mark.django_db
WANTED: dict[str, Any] = {"name": "deploy", "scopes": ["operate"]}


def with_token(plaintext: str) -> Caller:
    caller = Caller()
    caller.client = Client(headers={"Authorization": f"Bearer {plaintext}"})
    return caller


def may_make(cast: Cast) -> Caller:
    cast.operator.user_permissions.add(Permission.objects.get(codename="add_apitoken"))
    return Caller(cast.operator)


def test_a_token_is_in_the_answer_that_makes_it_and_in_no_other(cast: Cast) -> None:
    Team.objects.create(name="web")
    owner = Caller(cast.owner)
    answer = owner.post(
        "/api/tokens",
        **WANTED,
        owner="operator",
        teams=["web"],
        name_patterns=["*.Example.test"],
        networks=["127.0.0.1"],
        is_agent=True,
        expires_at=(clock.now() + timedelta(days=1)).isoformat(),
    )
    assert answer.status_code == 201, answer.content
    assert answer["Cache-Control"] == "no-store"
    made = answer.json()
    assert made["owner"] == "operator"
    assert (made["teams"], made["name_patterns"]) == (["web"], ["*.example.test"])
    assert (made["networks"], made["is_agent"]) == (["127.0.0.1/32"], True)
    assert with_token(made["token"]).get("/api/me").json()["username"] == "operator"
    again = owner.get(answer["Location"].removeprefix("http://testserver"))
    assert again.json() == {
        **{name: value for name, value in made.items() if name != "token"},
        "last_used_at": again.json()["last_used_at"],
    }
    listed = owner.get("/api/tokens").content.decode()
    assert made["hint"] in listed
    assert made["token"] not in listed + again.content.decode()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"scopes": []}, "token.scope"),
        ({"owner": "nobody"}, "token.owner"),
        ({"teams": ["nobody"]}, "team.unknown"),
        ({"teams": [""]}, "request.invalid"),
        ({"name_patterns": ["*"]}, "name.wildcard"),
        ({"networks": ["10.0.0"]}, "token.network"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "token.expired"),
        ({"scope": ["read"]}, "request.unknown_field"),
    ],
)
def test_what_makes_no_sense_makes_no_token(cast: Cast, changed: dict[str, Any], code: str) -> None:
    caller = Caller(cast.owner)
    answer = caller.post("/api/tokens", **(WANTED | changed))
    document = problem(answer, 400, code)
    assert set(document["errors"]) <= {*changed, *(f"{name}.0" for name in changed)}
    assert ApiToken.objects.count() == 1


def test_who_may_not_make_tokens_is_told_so_ahead_of_all_else(cast: Cast) -> None:
    problem(Caller(cast.operator).post("/api/tokens", nonsense=1), 403, "access.denied")
    problem(Caller(cast.owner, "read").post("/api/tokens", nonsense=1), 403, "access.scope")


def test_whom_one_may_not_act_for_is_told_of_like_nobody(cast: Cast) -> None:
    caller = may_make(cast)
    answers = [
        problem(caller.post("/api/tokens", **WANTED, owner=name), 400, "token.owner")
        for name in ("owner", "nobody")
    ]
    assert answers[0] == answers[1]
    assert caller.post("/api/tokens", **WANTED, owner="operator").status_code == 201


def test_a_hidden_token_does_not_exist(cast: Cast) -> None:
    hidden, _ = services.create_token(actor=Actor.system(), owner=cast.owner, **WANTED)
    caller = Caller(cast.outsider)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        for pk in (hidden.pk, 10**9, 10**30):
            answer = caller.send(method, f"/api/tokens/{pk}{path}", {})
            problem(answer, 404, "request.not_found")
    assert [row["owner"] for row in caller.get("/api/tokens").json()["results"]] == ["outsider"]


def test_tokens_are_filtered(cast: Cast) -> None:
    caller = Caller(cast.owner)
    token_for(cast.operator, "read")
    ended, _ = services.create_token(actor=Actor.system(), owner=cast.operator, **WANTED)
    services.revoke_token(actor=Actor.system(), token=ended)

    def count(query: str) -> int:
        return len(caller.get(f"/api/tokens?{query}").json()["results"])

    assert count("") == 3
    assert count("owner=operator") == 2
    assert count("owner=operator&is_usable=true") == 1
    assert count("is_usable=false") == 1
    assert count("is_agent=true") == 0
    assert caller.get("/api/tokens?owner_id=1").status_code == 400


def test_a_token_is_revoked_by_delete_and_by_itself(cast: Cast) -> None:
    plaintext = token_for(cast.operator, "read")
    own = ApiToken.objects.get()
    caller = with_token(plaintext)
    assert caller.get(f"/api/tokens/{own.pk}").json()["id"] == own.pk
    problem(caller.get("/api/tokens"), 403, "access.scope")
    problem(caller.get(f"/api/tokens/{own.pk + 1}"), 403, "access.scope")
    assert caller.delete(f"/api/tokens/{own.pk}").status_code == 204
    problem(caller.get("/api/me"), 401, "auth.invalid")


def test_a_token_is_rotated_with_overlap_or_without(cast: Cast) -> None:
    plaintext = token_for(cast.owner, "admin")
    token = ApiToken.objects.get()
    caller = with_token(plaintext)
    answer = caller.post(f"/api/tokens/{token.pk}/rotate", overlap_seconds=60)
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    made = answer.json()
    assert made["replaces"] == token.pk
    old = caller.get(f"/api/tokens/{token.pk}").json()
    assert old["replaced_by"] == made["id"]
    assert old["expires_at"]
    problem(caller.post(f"/api/tokens/{token.pk}/rotate"), 409, "token.rotated")
    successor = with_token(made["token"])
    last = successor.post(f"/api/tokens/{made['id']}/rotate", overlap_seconds=0)
    assert last.status_code == 201
    problem(successor.get("/api/me"), 401, "auth.invalid")


def test_a_service_account_from_beginning_to_end(cast: Cast) -> None:
    Team.objects.create(name="web")
    owner = Caller(cast.owner)
    answer = owner.post("/api/service-accounts", name="ci", description="CI", team="web")
    assert answer.status_code == 201, answer.content
    path = answer["Location"].removeprefix("http://testserver")
    assert owner.get(path).json() == answer.json()
    plaintext = owner.post("/api/tokens", **WANTED, owner="ci").json()["token"]
    me = with_token(plaintext).get("/api/me").json()
    assert (me["kind"], me["username"]) == ("service", "ci")
    assert owner.patch(path, is_active=False).json()["is_active"] is False
    problem(with_token(plaintext).get("/api/me"), 401, "auth.invalid")
    changed = owner.patch(path, is_active=True, team="", description="")
    assert changed.json() | {"created_at": ""} == {
        "name": "ci",
        "description": "",
        "team": "",
        "is_active": True,
        "created_at": "",
    }
    assert len(owner.get("/api/service-accounts").json()["results"]) == 1
    problem(owner.post("/api/service-accounts", name="ci"), 409, "service_account.exists")
    assert owner.delete(path).status_code == 204
    assert not ServiceAccount.objects.exists()


def test_a_hidden_service_account_does_not_exist(cast: Cast) -> None:
    services.create_service_account(actor=Actor.system(), name="ci")
    caller = Caller(cast.outsider)
    for method in ("GET", "PATCH", "DELETE"):
        for name in ("ci", "nobody"):
            answer = caller.send(method, f"/api/service-accounts/{name}", {})
            problem(answer, 404, "request.not_found")
    assert caller.get("/api/service-accounts").json()["results"] == []
    problem(caller.post("/api/service-accounts", nonsense=1), 403, "access.denied")


def test_who_administers_one_account_makes_tokens_for_it(cast: Cast) -> None:
    account = services.create_service_account(actor=Actor.system(), name="ci")
    assign_perm("access.administer_serviceaccount", cast.outsider, account)
    caller = Caller(cast.outsider)
    made = caller.post("/api/tokens", **WANTED, owner="ci")
    assert made.status_code == 201
    problem(caller.post("/api/tokens", **WANTED), 403, "access.denied")
    owners = {row["owner"] for row in caller.get("/api/tokens").json()["results"]}
    assert owners == {"ci", "outsider"}


def test_me_tells_who_calls_and_what_the_token_leaves_of_it(cast: Cast) -> None:
    team = Team.objects.create(name="web")
    cast.auditor.groups.add(Group.objects.get(name="auditor"))
    token, plaintext = services.create_token(
        actor=Actor.system(),
        owner=cast.auditor,
        name="reports",
        scopes=["read"],
        expires_at=clock.now() + timedelta(days=1),
        networks=["127.0.0.0/8"],
        is_agent=True,
    )
    me = with_token(plaintext).get("/api/me").json()
    assert (me["username"], me["kind"], me["is_superuser"]) == ("auditor", "agent", False)
    assert (me["roles"], me["teams"], me["scopes"]) == (["auditor"], ["web"], ["read"])
    assert me["may"]["certificate"] == ["view"]
    assert "apitoken" not in me["may"]  # Seeing tokens needs the admin scope.
    assert me["token"] == {
        "id": token.pk,
        "name": "reports",
        "hint": token.hint,
        "scopes": ["read"],
        "teams": [],
        "name_patterns": [],
        "networks": ["127.0.0.0/8"],
        "is_agent": True,
        "expires_at": me["token"]["expires_at"],
    }
    assert me["token"]["expires_at"].endswith("Z")
    token.teams.set([team])
    narrowed = with_token(plaintext).get("/api/me").json()
    assert narrowed["may"] == {}
    assert narrowed["token"]["teams"] == ["web"]


def test_me_by_session_has_no_token_and_every_scope(cast: Cast) -> None:
    browser = Client()
    browser.force_login(cast.operator)
    me = browser.get("/api/me").json()
    assert (me["token"], me["kind"]) == (None, "person")
    assert me["scopes"] == ["admin", "audit", "operate", "read"]
    assert "renew" in me["may"]["certificate"]
    assert "delete" not in me["may"]["certificate"]
