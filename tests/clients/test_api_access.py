"""Who may do what to identities and client certificates over the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from guardian.shortcuts import assign_perm

from certmate.access.actors import Actor
from certmate.access.models import Approval, Team
from certmate.access.services import approvals, create_team
from clients.models import ClientCertificate
from providers.models import Authority, LedgerEntry
from tests import factories as plain
from tests import factories_clients as factories
from tests.access import four_eyes
from tests.caller import Answer, Caller, problem
from tests.cast import expire_tokens
from tests.clients.conftest import Crew

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("authority")]

ROOT = "/api/client-certificates"
PATH = f"{ROOT}/jane"
HOLDER = "/api/identities/holder"


@pytest.fixture
def certificate(authority: Authority) -> ClientCertificate:
    factories.identity("holder")
    return factories.issued("jane")


CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "list": ("GET", ROOT, {}),
    "stats": ("GET", f"{ROOT}/stats", {}),
    "enrolments": ("GET", f"{ROOT}/csr", {}),
    "get": ("GET", PATH, {}),
    "versions": ("GET", f"{PATH}/versions", {}),
    "cert": ("GET", f"{PATH}/download/cert", {}),
    "create": ("POST", ROOT, {"common_name": "new"}),
    "csr": ("POST", f"{ROOT}/csr/create", {"common_name": "new"}),
    "change": ("PATCH", PATH, {"tags": ["x"]}),
    "renew": ("POST", f"{PATH}/renew", {}),
    "hold": ("POST", f"{PATH}/revoke", {"reason": "certificateHold"}),
    "delete": ("DELETE", f"{PATH}?force=1", {}),
    "identities": ("GET", "/api/identities", {}),
    "identity": ("GET", HOLDER, {}),
    "new identity": ("POST", "/api/identities", {"name": "new", "kind": "iot"}),
    "change identity": ("PATCH", HOLDER, {"notes": "x"}),
    "delete identity": ("DELETE", HOLDER, {}),
}
LOOK = dict.fromkeys(("list", "stats", "enrolments", "identities"), 200)
READ = {**LOOK, "get": 200, "versions": 200, "identity": 200}
WORK = {
    "create": 201,
    "csr": 201,
    "change": 200,
    "renew": 200,
    "hold": 200,
    "new identity": 201,
    "change identity": 200,
}
DELETE = {"delete": 204, "delete identity": 204}
NEW = {"create": 403, "csr": 403, "new identity": 403}
EVERYBODY: dict[str, tuple[str, tuple[str, ...], dict[str, int], int]] = {
    # Who, with which scopes, may do what; and the status of everything else.
    "owner": ("owner", ("admin",), {**READ, **WORK, **DELETE, "cert": 200}, 0),
    "operator": ("operator", ("operate",), {**READ, **WORK, "cert": 200}, 403),
    "reading operator": ("operator", ("read",), {**READ, "cert": 200}, 403),
    "auditor": ("auditor", ("admin",), READ, 403),
    "outsider": ("outsider", ("admin",), {**LOOK, **NEW}, 404),
    "audit token": ("owner", ("audit",), {}, 403),
}


def call(caller: Caller, what: str) -> Answer:
    method, path, body = CALLS[what]
    if method in ("GET", "DELETE"):
        return caller.get(path) if method == "GET" else caller.delete(path)
    return caller.send(method, path, body)


@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_may_do_what_they_are_here_for(
    crew: Crew, certificate: ClientCertificate, who: str
) -> None:
    name, scopes, may, otherwise = EVERYBODY[who]
    caller = Caller(getattr(crew, name), *scopes)
    got = {what: call(caller, what).status_code for what in CALLS}
    assert got == {what: may.get(what, otherwise) for what in CALLS}
    if name == "outsider":
        for what in ("list", "identities", "enrolments"):
            assert call(caller, what).json()["results"] == []


def test_nobody_does_anything_without_a_good_token(
    crew: Crew, certificate: ClientCertificate
) -> None:
    late = Caller(crew.owner)
    expire_tokens(crew.owner)
    for what in CALLS:
        problem(call(Caller(), what), 401, "auth.required")
        problem(call(late, what), 401, "auth.invalid")
    assert ClientCertificate.objects.count() == 1


def test_who_may_not_do_it_does_not_learn_what_the_body_must_be(
    crew: Crew, certificate: ClientCertificate
) -> None:
    reader, outsider = Caller(crew.operator, "read"), Caller(crew.outsider)
    for path in (ROOT, f"{ROOT}/csr/create", f"{PATH}/renew", f"{PATH}/revoke", "/api/identities"):
        problem(reader.post(path, nonsense=1), 403, "access.denied")
    for path in (PATH, HOLDER):
        problem(outsider.patch(path, nonsense=1), 404, "request.not_found")


@pytest.fixture
def team(authority: Authority) -> Team:
    return create_team(actor=Actor.system(), name="shop")


def test_who_may_add_under_a_team_adds_there_only(
    crew: Crew, team: Team, authority: Authority
) -> None:
    grant(crew.outsider, "access.add_under_team", team)
    grant(crew.outsider, "access.view_team", team)
    caller = may_see_what_is_needed(crew.outsider, authority)
    signed = LedgerEntry.objects.count()
    problem(caller.post(ROOT, common_name="elsewhere"), 403, "access.denied")
    assert LedgerEntry.objects.count() == signed
    answer = caller.post(ROOT, common_name="here", team="shop")
    assert answer.status_code == 201, answer.content
    assert answer.json()["team"] == "shop"
    problem(caller.get(f"{ROOT}/here"), 404, "request.not_found")
    made = caller.post("/api/identities", name="thing", kind="iot", team="shop")
    assert made.status_code == 201
    problem(caller.post("/api/identities", name="other", kind="iot"), 403, "access.denied")


def test_who_may_add_under_an_authority_adds_there_only(crew: Crew, authority: Authority) -> None:
    plain.authority("other")
    grant(crew.outsider, "providers.add_under_authority", authority)
    caller = may_see_what_is_needed(crew.outsider, authority)
    answer = caller.post(ROOT, common_name="here", authority="issuing")
    assert answer.status_code == 201, answer.content
    problem(caller.post(ROOT, common_name="there", authority="other"), 400, "authority.unknown")
    grant(crew.outsider, "providers.view_authority", Authority.objects.get(name="other"))
    caller = Caller(crew.outsider)
    problem(caller.post(ROOT, common_name="there", authority="other"), 403, "access.denied")


def test_what_belongs_to_a_team_is_seen_under_it_only(
    crew: Crew, team: Team, certificate: ClientCertificate
) -> None:
    factories.issued("mine", team="shop")
    grant(crew.outsider, "access.view_under_team", team)
    caller = Caller(crew.outsider)
    rows = caller.get(ROOT).json()["results"]
    assert [row["identifier"] for row in rows] == ["mine"]
    assert caller.get(f"{ROOT}/stats").json()["by_state"]["active"] == 1
    problem(caller.get(PATH), 404, "request.not_found")
    problem(caller.post(f"{ROOT}/mine/renew"), 403, "access.denied")
    grant(crew.outsider, "access.renew_under_team", team)
    assert Caller(crew.outsider).post(f"{ROOT}/mine/renew").status_code == 200


def test_moving_a_certificate_is_granting(
    crew: Crew, team: Team, certificate: ClientCertificate
) -> None:
    operator = Caller(crew.operator)
    assert operator.patch(PATH, identity="holder").status_code == 200
    other = factories.identity("other")
    grant(crew.approver, "clients.export_key_under_identity", other)
    problem(operator.patch(PATH, identity="other"), 403, "access.gain")
    problem(operator.patch(PATH, team="shop"), 403, "access.denied")
    assert Caller(crew.owner).patch(PATH, team="shop").json()["team"] == "shop"


def test_a_revocation_under_four_eyes_waits(crew: Crew, certificate: ClientCertificate) -> None:
    four_eyes.rule("revoke")
    answer = Caller(crew.operator).post(f"{PATH}/revoke", reason="superseded")
    assert (answer.status_code, list(answer.json())) == (202, ["approval"])
    assert Caller(crew.owner).get(PATH).json()["state"] == "active"
    four_eyes.approve(crew.approver, Approval.objects.get())
    approvals.carry_out(Approval.objects.get().pk)
    assert Caller(crew.owner).get(PATH).json()["state"] == "revoked"


def test_an_issuance_under_four_eyes_waits(crew: Crew) -> None:
    four_eyes.rule("add")
    answer = Caller(crew.operator).post(ROOT, common_name="jane")
    assert (answer.status_code, list(answer.json())) == (202, ["approval"])
    assert not ClientCertificate.objects.exists()
    four_eyes.approve(crew.approver, Approval.objects.get())
    approvals.carry_out(Approval.objects.get().pk)
    assert Caller(crew.owner).get(PATH).json()["state"] == "active"


def grant(user: User, permission: str, target: Model) -> None:
    assign_perm(permission, user, target)


def may_see_what_is_needed(user: User, authority: Authority) -> Caller:
    """A caller who sees the authority, the profiles and the targets that a request names."""
    grant(user, "providers.view_authority", authority)
    assign_perm("providers.view_profile", user)
    return Caller(user)
