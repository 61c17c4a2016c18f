"""Who may do what to certificates over the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm

from certificates.models import Certificate, Order
from tests import factories
from tests.caller import Answer, Caller, problem
from tests.cast import Cast, expire_tokens

pytestmark = pytest.mark.django_db

NAME = "www.example.test"
PATH = f"/api/certificates/{NAME}"


@pytest.fixture
def certificate() -> Certificate:
    made = factories.certificate(NAME, dns_account=factories.dns_account())
    factories.version(made)
    return made


CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "list": ("GET", "/api/certificates", {}),
    "get": ("GET", PATH, {}),
    "create": (
        "POST",
        "/api/certificates",
        {"domain": "new.example.test", "ca": "ca", "dns": "dns"},
    ),
    "change": ("PATCH", PATH, {"tags": ["x"]}),
    "auto-renew": ("PUT", f"{PATH}/auto-renew", {"enabled": True}),
    "renew": ("POST", f"{PATH}/renew", {}),
    "reissue": ("POST", f"{PATH}/reissue", {"key_type": "ec384"}),
    "revoke": ("POST", f"{PATH}/revoke", {}),
    "versions": ("GET", f"{PATH}/versions", {}),
    "cert": ("GET", f"{PATH}/download/cert", {}),
    "delete": ("DELETE", f"{PATH}?force=1", {}),
}
READ = {"list": 200, "get": 200, "versions": 200}
WORK = {
    "create": 202,
    "change": 200,
    "auto-renew": 200,
    "renew": 202,
    "reissue": 202,
    "revoke": 202,
}
EVERYBODY: dict[str, tuple[str, tuple[str, ...], dict[str, int], int]] = {
    # Who, with which scopes, may do what; and the status of everything else.
    "owner": ("owner", ("admin",), {**READ, **WORK, "cert": 200, "delete": 204}, 0),
    "operator": ("operator", ("operate",), {**READ, **WORK, "cert": 200}, 403),
    "reading operator": ("operator", ("read",), {**READ, "cert": 200}, 403),
    "auditor": ("auditor", ("admin",), READ, 403),
    "outsider": ("outsider", ("admin",), {"list": 200, "create": 403}, 404),
    "audit token": ("owner", ("audit",), {}, 403),
}


def call(caller: Caller, what: str) -> Answer:
    method, path, body = CALLS[what]
    if method in ("GET", "DELETE"):
        return caller.get(path) if method == "GET" else caller.delete(path)
    return caller.send(method, path, body)


@pytest.mark.parametrize("what", CALLS)
@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_may_do_what_they_are_here_for(
    cast: Cast, certificate: Certificate, who: str, what: str
) -> None:
    name, scopes, may, otherwise = EVERYBODY[who]
    answer = call(Caller(getattr(cast, name), *scopes), what)
    assert answer.status_code == may.get(what, otherwise), answer.content
    if who == "outsider" and what == "list":
        assert answer.json()["results"] == []


@pytest.mark.parametrize("what", CALLS)
def test_nobody_does_anything_without_a_good_token(
    cast: Cast, certificate: Certificate, what: str
) -> None:
    problem(call(Caller(), what), 401, "auth.required")
    late = Caller(cast.owner)
    expire_tokens(cast.owner)
    problem(call(late, what), 401, "auth.invalid")
    assert not Order.objects.exists()


def test_a_grant_on_one_certificate_reaches_that_one(cast: Cast, certificate: Certificate) -> None:
    hidden = factories.certificate("hidden.example.test")
    grant(cast.outsider, "view", certificate)
    caller = Caller(cast.outsider)
    rows = caller.get("/api/certificates").json()["results"]
    assert [row["name"] for row in rows] == [NAME]
    problem(caller.get(f"/api/certificates/{hidden.name}"), 404, "request.not_found")
    problem(caller.post(f"{PATH}/renew"), 403, "access.denied")
    grant(cast.outsider, "renew", certificate)
    assert Caller(cast.outsider).post(f"{PATH}/renew").status_code == 202


def grant(user: User, verb: str, certificate: Certificate) -> None:
    assign_perm(f"certificates.{verb}_certificate", user, certificate)


def test_who_may_not_do_it_does_not_learn_what_the_body_must_be(
    cast: Cast, certificate: Certificate
) -> None:
    reader = Caller(cast.operator, "read")
    problem(reader.post(f"{PATH}/revoke", nonsense=1), 403, "access.denied")
    problem(reader.post("/api/certificates?wait=x", nonsense=1), 403, "access.denied")
    problem(Caller(cast.outsider).patch(PATH, nonsense=1), 404, "request.not_found")
