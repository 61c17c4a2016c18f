"""One's own sessions, and what ends them."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from certmate.signin import sessions
from tests.cast import PASSWORD, Cast, token_for
from tests.signin import people
from tests.signin.people import events, post, signed_in, wait

SESSIONS = "/account/sessions/"


def shown(client: Client) -> list[Any]:
    return [session for session, _ in client.get(SESSIONS).context["rows"]]


def works(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_everybody_sees_his_own_sessions_only(cast: Cast) -> None:
    agent = {"User-Agent": "Lynx/2.9"}
    client = signed_in(cast.operator, REMOTE_ADDR="192.0.2.9", headers=agent)
    signed_in(cast.operator)
    signed_in(cast.auditor)
    rows = shown(client)
    assert {(row.ip, row.user_agent) for row in rows} == {
        ("192.0.2.9", "Lynx/2.9"),
        ("127.0.0.1", ""),
    }
    page = client.get(SESSIONS).content.decode()
    assert "this one" in page
    assert str(client.session.session_key) not in page


def test_one_is_ended(cast: Cast) -> None:
    client, other = signed_in(cast.operator), signed_in(cast.operator)
    number = UserSession.objects.get(session_key=other.session.session_key).pk
    client.post(SESSIONS, {"session": number})
    assert works(client)
    assert not works(other)
    assert events(cast.operator) == ["signin.session_ended"]


def test_all_others_are_ended(cast: Cast) -> None:
    client, others = signed_in(cast.operator), [signed_in(cast.operator) for _ in range(2)]
    client.post(SESSIONS, {"session": "others"})
    assert works(client)
    assert not any(works(other) for other in others)


@pytest.mark.parametrize("number", ["", "x", "-1", "²", "9" * 40])
def test_what_is_no_session_ends_none(cast: Cast, number: str) -> None:
    client = signed_in(cast.operator)
    assert client.post(SESSIONS, {"session": number}).status_code == 302
    assert works(client)


def test_nobody_ends_the_session_of_another(cast: Cast) -> None:
    client, other = signed_in(cast.outsider), signed_in(cast.owner)
    number = UserSession.objects.get(session_key=other.session.session_key).pk
    assert client.post(SESSIONS, {"session": number}).status_code == 404
    assert works(other)


def test_deactivation_ends_all_at_once_and_for_good(cast: Cast) -> None:
    client = signed_in(cast.operator)
    cast.operator.is_active = False
    cast.operator.save()
    assert not works(client)
    cast.operator.is_active = True
    cast.operator.save()
    assert not works(client)


def test_a_changed_password_ends_all_others(cast: Cast) -> None:
    client, other = signed_in(cast.operator), signed_in(cast.operator)
    new = "another battery of horses"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", form).status_code == 302
    assert works(client)
    assert not works(other)
    assert len(shown(client)) == 1
    assert sessions.end_all(user=cast.operator) == 1
    assert not works(client)


def test_an_administrator_ends_all_by_command(
    cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    client = signed_in(cast.operator)
    call_command("end_sessions", "operator")
    assert "ended: 1" in capsys.readouterr().out
    assert not works(client)


def test_signing_in_changes_the_key_of_the_session(cast: Cast) -> None:
    client = Client()
    client.session.save()
    before = client.session.session_key
    post(client, "operator")
    assert client.session.session_key != before


def test_signing_out_ends_it(cast: Cast) -> None:
    client = signed_in(cast.operator)
    key = client.session.session_key
    assert client.get("/admin/logout/").status_code == 405
    assert "signed out" in client.post("/admin/logout/").content.decode()
    assert not UserSession.objects.filter(session_key=key).exists()
    assert not works(client)


def test_last_seen_is_written_now_and_then(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in(cast.operator)
    works(client)

    def writes() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            works(client)
        return [query["sql"] for query in captured if "usersession" in query["sql"]]

    assert writes() == []
    wait(monkeypatch, sessions.RESOLUTION + timedelta(seconds=1))
    assert writes()
    assert writes() == []


def test_a_token_costs_no_look_at_sessions_or_factors(cast: Cast) -> None:
    """Also with the cookie of a session that comes along."""
    client = signed_in(cast.owner)
    headers = {"Authorization": f"Bearer {token_for(cast.owner, 'read')}"}
    client.get("/api/me", headers=headers)
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/api/me", headers=headers).status_code == 200
        assert client.get("/health").status_code == 200
    tables = ("session", "mfa_", "signin_", "account_")
    assert not [q["sql"] for q in captured if any(table in q["sql"] for table in tables)]


def test_cookies_are_strict(cast: Cast) -> None:
    client = signed_in(cast.operator)
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize(
    "path",
    [
        "signup/",
        "password/reset/",
        "email/",
        "password/set/",
        "inactive/",
        "3rdparty/",
        "social/signup/",
        "second-factor/trust/",
    ],
)
def test_pages_that_are_not_needed_do_not_exist(db: None, path: str) -> None:
    assert Client().get(f"/account/{path}").status_code == 404


def test_who_may_not_enter_the_admin_is_told_and_can_leave(db: None) -> None:
    User.objects.create_user("script", "", PASSWORD)
    client = Client()
    post(client, "script")
    answer = client.get("/admin/", follow=True)
    assert answer.status_code == 403
    assert "You are signed in as script" in answer.content.decode()
    assert people.SIGN_IN not in [url for url, _ in answer.redirect_chain]


def test_no_open_redirect(cast: Cast) -> None:
    answer = people.enter("operator", to="https://evil.example/")
    assert answer.headers["Location"] == "/admin/"
