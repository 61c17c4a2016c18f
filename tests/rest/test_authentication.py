"""Who gets in, how, and as whom."""

import pytest
from auditlog.models import LogEntry
from django.test import Client

from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken
from tests import factories
from tests.caller import Caller, problem
from tests.cast import PASSWORD, Cast, expire_tokens, token_for

pytestmark = pytest.mark.django_db

PATHS = ["/api/me", "/api/certificates", "/api/orders/1", "/api/schema", "/x.example.test/tls"]


@pytest.mark.parametrize("path", PATHS)
def test_nobody_gets_anything_without_signing_in(cast: Cast, path: str) -> None:
    answer = Caller().get(path)
    problem(answer, 401, "auth.required")
    assert answer["WWW-Authenticate"] == 'Bearer realm="CertMate"'


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer cm_wrong", "bearer cm_\xe4", "BEARER x y"]
)
def test_a_wrong_token_is_told_to_be_wrong(cast: Cast, header: str) -> None:
    answer = Client(headers={"Authorization": header}).get("/api/me")
    problem(answer, 401, "auth.invalid")
    assert answer["WWW-Authenticate"].startswith('Bearer realm="CertMate"')


def test_another_scheme_is_no_token(cast: Cast) -> None:
    answer = Client(headers={"Authorization": "Basic b3duZXI6eA=="}).get("/api/me")
    problem(answer, 401, "auth.required")


def test_an_expired_a_revoked_and_an_orphaned_token_are_refused(cast: Cast) -> None:
    caller = Caller(cast.owner)
    assert caller.get("/api/me").status_code == 200
    expire_tokens(cast.owner)
    problem(caller.get("/api/me"), 401, "auth.invalid")

    caller = Caller(cast.owner)
    token = ApiToken.objects.latest("id")
    services.revoke_token(actor=Actor.system(), token=token)
    problem(caller.get("/api/me"), 401, "auth.invalid")

    caller = Caller(cast.operator)
    cast.operator.is_active = False
    cast.operator.save()
    problem(caller.get("/api/me"), 401, "auth.invalid")


def test_a_session_may_read_and_needs_the_csrf_token_to_write(cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    assert browser.login(username="owner", password=PASSWORD)
    assert browser.get("/api/me").json()["token"] is None
    body = {"name": "le", "provider": "letsencrypt"}
    refused = browser.post("/api/ca-accounts", body, content_type="application/json")
    problem(refused, 403, "access.csrf")

    browser.cookies["csrftoken"] = "a" * 32
    accepted = browser.post(
        "/api/ca-accounts",
        body,
        content_type="application/json",
        headers={"X-CSRFToken": "a" * 32},
    )
    assert accepted.status_code == 201, accepted.content


def test_a_token_from_elsewhere_is_refused_like_one_that_nobody_knows(cast: Cast) -> None:
    _, plaintext = services.create_token(
        actor=Actor.system(),
        owner=cast.owner,
        name="office",
        scopes=["read"],
        networks=["203.0.113.0/24"],
    )
    answers = [
        Client(headers={"Authorization": f"Bearer {given}"}, REMOTE_ADDR=address).get("/api/me")
        for given, address in ((plaintext, "198.51.100.1"), ("cm_wrong", "203.0.113.1"))
    ]
    assert answers[0].content == answers[1].content
    assert answers[0]["WWW-Authenticate"] == answers[1]["WWW-Authenticate"]
    assert problem(answers[0], 401, "auth.invalid")
    inside = Client(headers={"Authorization": f"Bearer {plaintext}"}, REMOTE_ADDR="203.0.113.9")
    assert inside.get("/api/me").status_code == 200
    claiming = Client(
        headers={"Authorization": f"Bearer {plaintext}", "X-Forwarded-For": "203.0.113.9"},
        REMOTE_ADDR="198.51.100.1",
    )
    problem(claiming.get("/api/me"), 401, "auth.invalid")


def test_a_wrong_token_is_not_saved_by_a_good_session(cast: Cast) -> None:
    browser = Client(headers={"Authorization": "Bearer cm_wrong"})
    browser.force_login(cast.owner)
    problem(browser.get("/api/me"), 401, "auth.invalid")


def test_a_token_without_the_scope_to_read_is_refused_and_not_shown_an_empty_list(
    cast: Cast,
) -> None:
    factories.certificate()
    caller = Caller(cast.owner, "audit")
    problem(caller.get("/api/certificates"), 403, "access.scope")
    problem(caller.get("/api/certificates/www.example.test"), 403, "access.scope")
    problem(caller.get("/api/orders"), 403, "access.scope")


def test_what_a_token_changes_is_logged_under_its_owner_and_its_name(cast: Cast) -> None:
    Caller(cast.owner).post("/api/ca-accounts", name="le", provider="letsencrypt")
    entry = LogEntry.objects.filter(object_repr="le").latest("id")
    assert entry.actor == cast.owner
    token = ApiToken.objects.get(owner=cast.owner)
    assert (entry.told.actor_name, entry.told.token_label) == ("owner", str(token))


def test_the_token_itself_is_nowhere_in_an_answer(cast: Cast) -> None:
    plaintext = token_for(cast.owner, "admin")
    client = Client(headers={"Authorization": f"Bearer {plaintext}"})
    for path in ("/api/me", "/api/certificates?cursor=x", "/api/nothing"):
        answer = client.get(path)
        assert plaintext not in answer.content.decode() + str(answer.headers)
