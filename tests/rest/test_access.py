"""Teams, grants, roles, and who may do what and why, through the API."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model

from certificates.models import Certificate
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.access.services import granted, set_grants
from certmate.access.verbs import Verb
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast

pytestmark = pytest.mark.django_db

ABOUT = "kind=certificate&name=www.example.test"
TARGET = {"kind": "certificate", "name": "www.example.test"}


@pytest.fixture
def certificate(cast: Cast) -> Certificate:
    return factories.certificate()


def permit(user: User, *codenames: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


def grant(user: User, target: Model, *verbs: Verb, under: bool = False) -> None:
    set_grants(actor=Actor.system(), subject=user, target=target, verbs=verbs, under=under)


def test_teams_are_made_read_changed_and_deleted(cast: Cast) -> None:
    owner = Caller(cast.owner)
    made = owner.post("/api/teams", name="red", description="the red ones")
    assert made.status_code == 201
    assert made["Location"].endswith("/api/teams/red")
    assert owner.patch("/api/teams/red", description="").json()["description"] == ""
    assert owner.put("/api/teams/red", name="crimson").json()["name"] == "crimson"
    assert [t["name"] for t in owner.get("/api/teams?search=cr").json()["results"]] == ["crimson"]
    problem(owner.post("/api/teams", name="crimson"), 409, "request.taken")
    factories.certificate(team=Team.objects.get())
    problem(owner.delete("/api/teams/crimson"), 409, "team.in_use")
    Certificate.objects.all().delete()
    assert owner.delete("/api/teams/crimson").status_code == 204


def test_a_team_is_not_there_for_who_may_not_see_it(cast: Cast) -> None:
    Team.objects.create(name="red")
    outsider = Caller(cast.outsider)
    assert outsider.get("/api/teams").json()["results"] == []
    problem(outsider.get("/api/teams/red"), 404, "request.not_found")
    problem(outsider.delete("/api/teams/red"), 404, "request.not_found")
    problem(outsider.post("/api/teams", name="red"), 403, "access.denied")
    problem(Caller(cast.owner, "operate").post("/api/teams", name="b"), 403, "access.denied")


def test_exactly_the_verbs_are_granted(cast: Cast, certificate: Certificate) -> None:
    owner = Caller(cast.owner)
    for verbs in (["view", "renew"], ["view"], []):
        answer = owner.put("/api/grants", **TARGET, user="outsider", verbs=verbs)
        expected = [{"user": "outsider", "verbs": verbs, "under": False}] if verbs else []
        assert answer.json() == {**TARGET, "grants": expected}
        assert owner.get(f"/api/grants?{ABOUT}").json() == answer.json()
        assert granted(cast.outsider, certificate) == verbs


def test_a_grant_on_a_team_reaches_what_it_owns(cast: Cast) -> None:
    Group.objects.create(name="ops").user_set.add(cast.outsider)
    certificate = factories.certificate(team=Team.objects.create(name="red"))
    given = {"kind": "team", "name": "red", "group": "ops", "verbs": ["view"], "under": True}
    assert Caller(cast.owner).put("/api/grants", **given).json()["grants"] == [
        {"group": "ops", "verbs": ["view"], "under": True}
    ]
    outsider = Caller(cast.outsider)
    assert outsider.get(f"/api/certificates/{certificate.name}").status_code == 200
    problem(outsider.get("/api/teams/red"), 404, "request.not_found")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"kind": "order"}, 400, "request.invalid"),
        ({"name": "none.example.test"}, 404, "request.not_found"),
        ({"verbs": ["fly"]}, 400, "request.invalid"),
        ({"verbs": ["sign"]}, 400, "grant.verb"),
        ({"under": True}, 400, "grant.verb"),
        ({"user": "nobody"}, 400, "grant.subject"),
        ({"group": "viewer"}, 400, "grant.subject"),
        ({"user": ""}, 400, "request.invalid"),
        ({"for": "ever"}, 400, "request.unknown_field"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(
    cast: Cast, certificate: Certificate, changed: dict[str, Any], status: int, code: str
) -> None:
    body = {**TARGET, "user": "outsider", "verbs": ["view"], **changed}
    problem(Caller(cast.owner).put("/api/grants", **body), status, code)
    assert granted(cast.outsider, certificate) == []


def test_nobody_grants_what_he_does_not_hold(cast: Cast, certificate: Certificate) -> None:
    grant(cast.outsider, certificate, Verb.VIEW, Verb.ADMINISTER)
    outsider = Caller(cast.outsider)
    body = {**TARGET, "user": "outsider"}
    given = outsider.put("/api/grants", **body, verbs=["view", "administer", "export_key"])
    problem(given, 403, "access.gain")
    problem(Caller(cast.auditor).put("/api/grants", **body, verbs=["view"]), 403, "access.denied")
    problem(
        Caller(cast.outsider, "operate").put("/api/grants", **body, verbs=[]), 403, "access.denied"
    )
    assert granted(cast.outsider, certificate) == [Verb.VIEW, Verb.ADMINISTER]


def test_a_hidden_object_and_a_hidden_user_are_as_if_they_were_not(
    cast: Cast, certificate: Certificate
) -> None:
    outsider, missing = Caller(cast.outsider), "kind=certificate&name=none.example.test"
    for address in ("/api/grants", "/api/access"):
        told = [
            problem(outsider.get(f"{address}?{q}"), 404, "request.not_found")
            for q in (ABOUT, missing)
        ]
        assert told[0] == told[1]
    grant(cast.outsider, certificate, Verb.VIEW, Verb.ADMINISTER)
    factory = {**TARGET, "verbs": ["view"]}
    User.objects.create_user("hidden")
    refused = [
        problem(outsider.put("/api/grants", **factory, user=name), 400, "grant.subject")
        for name in ("hidden", "nobody")
    ]
    assert refused[0] == refused[1]
    for name in ("hidden", "nobody"):
        problem(outsider.get(f"/api/access?{ABOUT}&user={name}"), 404, "request.not_found")
        problem(outsider.get(f"/api/access/users/{name}"), 404, "request.not_found")


def test_everybody_who_administers_or_audits_learns_who_and_why(
    cast: Cast, certificate: Certificate
) -> None:
    grant(cast.outsider, certificate, Verb.VIEW)
    way = {"user": "outsider", "verbs": ["view"], "why": "a grant on it"}
    assert way in Caller(cast.operator).get(f"/api/access?{ABOUT}").json()["ways"]
    auditor = Caller(cast.auditor)
    problem(auditor.get(f"/api/access?{ABOUT}"), 403, "access.denied")
    problem(auditor.get(f"/api/grants?{ABOUT}"), 403, "access.denied")
    permit(cast.auditor, "view_user")
    assert way in auditor.get(f"/api/access?{ABOUT}").json()["ways"]
    assert way in Caller(cast.auditor, "read").get(f"/api/access?{ABOUT}").json()["ways"]


def test_each_verb_is_answered_for_one_user(cast: Cast, certificate: Certificate) -> None:
    cast.outsider.groups.add(Group.objects.get(name="viewer"))
    answer = Caller(cast.owner).get(f"/api/access?{ABOUT}&user=outsider").json()
    said = {verb["verb"]: verb for verb in answer["verbs"]}
    assert said["view"]["allowed"]
    assert said["view"]["why"] == ["the permission for all of them, through the group viewer"]
    assert said["renew"] == {"verb": "renew", "allowed": False, "why": []}
    own = Caller(cast.outsider, "read").get(f"/api/access?{ABOUT}&user=outsider").json()
    assert own == answer
    problem(Caller(cast.outsider).get(f"/api/access?{ABOUT}&user=operator"), 403, "access.denied")


@pytest.mark.parametrize("query", ["", "kind=certificate", "kind=order&name=1", "name=x", "a=b"])
def test_a_question_about_nothing_is_an_error(cast: Cast, query: str) -> None:
    answer = Caller(cast.owner).get(f"/api/access?{query}")
    assert answer.status_code == 400


def test_every_kind_of_object_is_asked_about_by_its_name(cast: Cast) -> None:
    account, target = factories.dns_account("DNS.one".lower()), factories.storage_target("Vault")
    factories.certificate("www.example.test", storage_target=target)
    Team.objects.create(name="red")
    owner = Caller(cast.owner)
    for kind, name in (
        ("certificate", "WWW.example.test"),
        ("caaccount", "ca"),
        ("dnsaccount", account.name),
        ("storagetarget", "Vault"),
        ("team", "red"),
        ("user", "outsider"),
        ("group", "viewer"),
    ):
        answer = owner.get(f"/api/access?kind={kind}&name={name}")
        assert answer.status_code == 200, kind


def test_a_user_learns_his_reach_and_an_auditor_everybodys(
    cast: Cast, certificate: Certificate
) -> None:
    grant(cast.outsider, certificate, Verb.RENEW, Verb.VIEW)
    own = Caller(cast.outsider, "read").get("/api/access/users/outsider").json()
    reached = {
        "kind": "certificate",
        "name": certificate.name,
        "verbs": ["view", "renew"],
        "why": "a grant to the user",
    }
    assert reached in own["reach"]
    problem(Caller(cast.outsider).get("/api/access/users/owner"), 404, "request.not_found")
    permit(cast.auditor, "view_user")
    assert reached in Caller(cast.auditor).get("/api/access/users/outsider").json()["reach"]
    cast.auditor.user_permissions.remove(Permission.objects.get(codename="view_certificate"))
    told = Caller(cast.auditor).get("/api/access/users/outsider")
    assert certificate.name not in told.content.decode()


def test_roles_are_listed_with_their_members(cast: Cast) -> None:
    cast.outsider.groups.add(Group.objects.get(name="viewer"))
    owner = Caller(cast.owner)
    names = [role["name"] for role in owner.get("/api/roles").json()["results"]]
    assert {"viewer", "operator", "auditor"} <= set(names)
    viewer = owner.get("/api/roles/viewer").json()
    assert viewer["is_fixed"]
    assert viewer["members"] == ["outsider"]
    assert "certificates.view_certificate" in viewer["permissions"]
    permit(cast.auditor, "view_group")
    assert Caller(cast.auditor).get("/api/roles/viewer").json()["members"] == []
    problem(Caller(cast.outsider).get("/api/roles/operator"), 404, "request.not_found")


def test_roles_are_set_by_who_holds_all_that_they_give(cast: Cast) -> None:
    owner, address = Caller(cast.owner), "/api/users/outsider/roles"
    assert owner.put(address, roles=["viewer", "auditor"]).json() == {
        "user": "outsider",
        "roles": ["auditor", "viewer"],
    }
    assert owner.put(address, roles=["viewer"]).json()["roles"] == ["viewer"]
    assert owner.get(address).json()["roles"] == ["viewer"]
    problem(owner.put(address, roles=["viewer", "none"]), 400, "role.unknown")
    permit(cast.operator, "view_user", "view_group", "administer_user")
    operator = Caller(cast.operator)
    problem(operator.put(address, roles=["administrator"]), 403, "access.gain")
    problem(operator.put("/api/users/owner/roles", roles=[]), 403, "access.denied")
    problem(Caller(cast.auditor).put(address, roles=[]), 404, "request.not_found")
    problem(Caller(cast.owner, "operate").put(address, roles=[]), 403, "access.denied")
    assert cast.outsider.groups.get().name == "viewer"


def test_a_narrowed_token_sets_no_roles_and_sees_only_its_teams(cast: Cast) -> None:
    red, blue = (Team.objects.create(name=name) for name in ("red", "blue"))
    mine = factories.certificate("red.example.test", team=red)
    factories.certificate("blue.example.test", team=blue)
    caller = Caller(cast.owner)
    ApiToken.objects.get().teams.add(red)
    names = [row["name"] for row in caller.get("/api/certificates").json()["results"]]
    assert names == [mine.name]
    assert [t["name"] for t in caller.get("/api/teams").json()["results"]] == ["red"]
    answer = caller.put("/api/users/outsider/roles", roles=["administrator"])
    assert answer.status_code in (403, 404)
    assert not cast.outsider.groups.exists()
    body = {"kind": "team", "name": "red", "user": "outsider", "verbs": ["view"], "under": True}
    assert caller.put("/api/grants", **body).status_code in (400, 403, 404)


def test_a_list_costs_the_same_for_many_grants(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    for n in range(20):
        grant(cast.outsider, factories.certificate(f"n{n}.example.test"), Verb.VIEW)
    caller = Caller(cast.outsider)
    caller.get("/api/certificates")
    with django_assert_max_num_queries(20):
        assert len(caller.get("/api/certificates").json()["results"]) == 20
