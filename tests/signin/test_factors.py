"""Second factors through the pages: setting up, signing in, each code once, by role."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from certmate.core import rotation
from certmate.signin.models import FactorSecret
from tests.caller import Caller
from tests.cast import PASSWORD, Cast
from tests.signin import people
from tests.signin.people import SECOND, code_of, events, give_app, post, signed_in

INDEX, APP = "/account/second-factor/", "/account/second-factor/app/"
CONFIRM = "/account/confirm/"


def confirmed(user: User) -> Client:
    """A signed-in browser that has just given the password again."""
    client = signed_in(user)
    client.post(CONFIRM, {"password": PASSWORD})
    return client


def set_up(client: Client) -> str:
    """Set up an app through its page; returns the secret."""
    secret: str = client.get(APP).context["form"].secret
    response = client.post(APP, {"code": code_of(secret)}, follow=True)
    assert b"recovery-codes" in response.content
    return secret


@pytest.fixture
def strict(settings: Settings, db: None) -> None:
    """Superusers and the role `keepers` need a second factor."""
    Group.objects.create(name="keepers")
    settings.CERTMATE_SECOND_FACTOR_ROLES = ("superuser", "keepers")


@pytest.mark.django_db(transaction=True)
def test_an_app_is_set_up_and_asked_for_at_the_next_sign_in() -> None:
    user = User.objects.create_superuser("owner", "", PASSWORD)
    client = confirmed(user)
    secret = set_up(client)
    assert set(events(user)) == {"signin.factor_added"}
    assert client.get("/admin/").status_code == 200

    client = Client()
    assert post(client, "owner").headers["Location"] == SECOND
    assert client.get("/admin/").status_code == 302
    answer = client.post(SECOND, {"code": code_of(secret, later=1)})
    assert people.is_in(answer)
    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_code_that_set_it_up_is_used_up() -> None:
    user = User.objects.create_superuser("owner", "", PASSWORD)
    secret = set_up(confirmed(user))
    client = Client()
    post(client, "owner")
    # Time may have gone on since: the code of then is meant.
    used = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP).data["last_step"]
    assert not people.is_in(client.post(SECOND, {"code": people.code_at(secret, used)}))


@pytest.mark.django_db(transaction=True)
def test_setting_up_ends_the_sessions_elsewhere() -> None:
    user = User.objects.create_superuser("owner", "", PASSWORD)
    elsewhere = signed_in(user)
    assert elsewhere.get("/admin/").status_code == 200
    set_up(confirmed(user))
    assert elsewhere.get("/admin/").status_code == 302


def test_a_code_is_taken_once(cast: Cast) -> None:
    secret = give_app(cast.operator)
    code = code_of(secret)
    first, second = Client(), Client()
    for client in (first, second):
        post(client, "operator")
    assert people.is_in(first.post(SECOND, {"code": code}))
    answer = second.post(SECOND, {"code": code})
    assert "wrong or was used before" in answer.content.decode()
    assert not people.is_in(second.post(SECOND, {"code": code_of(secret, later=-1)}))
    assert people.is_in(second.post(SECOND, {"code": code_of(secret, later=1)}))


def test_a_wrong_code_is_a_failed_sign_in(cast: Cast) -> None:
    from django.contrib.auth.signals import user_login_failed

    told: list[Any] = []

    def listen(sender: object, credentials: dict[str, str], **_: Any) -> None:
        told.append(credentials)

    user_login_failed.connect(listen)
    try:
        client = Client()
        secret = give_app(cast.operator)
        post(client, "operator")
        client.post(SECOND, {"code": people.wrong(code_of(secret))})
    finally:
        user_login_failed.disconnect(listen)
    assert told == [{"username": "operator", "code": "*"}]


@pytest.mark.django_db(transaction=True)
def test_a_recovery_code_works_once_and_is_shown_once() -> None:
    user = User.objects.create_superuser("owner", "", PASSWORD)
    client = confirmed(user)
    secret: str = client.get(APP).context["form"].secret
    page = client.post(APP, {"code": code_of(secret)}, follow=True)
    codes = page.context["unused_codes"]
    assert len(codes) == 10
    again = client.get("/account/second-factor/recovery-codes/").content.decode()
    assert codes[0] not in again
    for expected in (True, False):
        browser = Client()
        post(browser, "owner")
        assert people.is_in(browser.post(SECOND, {"code": codes[0]})) is expected


def test_the_secret_is_nowhere_readable(cast: Cast) -> None:
    client = confirmed(cast.operator)
    with CaptureQueriesContext(connection) as captured:
        secret: str = client.get(APP).context["form"].secret
        client.post(APP, {"code": code_of(secret)})
    assert Authenticator.objects.filter(user=cast.operator, type="totp").exists()
    assert not [query for query in captured if secret in query["sql"]]
    assert secret not in str(list(Authenticator.objects.values()))
    assert not [v for v in client.session.values() if secret in str(v)]
    assert FactorSecret in {model for model, _ in rotation.sealed_columns()}


def test_a_removed_factor_leaves_no_secret(cast: Cast) -> None:
    give_app(cast.operator)
    assert FactorSecret.objects.count() == 1
    client = signed_in_with_factor(cast.operator)
    assert client.post("/account/second-factor/app/remove/", {}).status_code == 302
    assert not FactorSecret.objects.exists()
    assert events(cast.operator) == ["signin.factor_removed"]


def signed_in_with_factor(user: User) -> Client:
    """A browser in which somebody with an app has signed in and just confirmed it."""
    secret = FactorSecret.objects.get().value["text"]
    client = Client()
    post(client, user.username)
    assert people.is_in(client.post(SECOND, {"code": code_of(secret, later=-1)}))
    answer = client.post("/account/confirm/code/", {"code": code_of(secret)})
    assert answer.status_code == 302
    return client


@pytest.mark.parametrize("path", [APP, "/account/second-factor/keys/add/"])
def test_a_factor_needs_the_password_again(cast: Cast, path: str) -> None:
    client = signed_in(cast.operator)
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(CONFIRM)
    assert not Authenticator.objects.exists()


def test_who_has_a_password_in_the_directory_is_asked_for_it(
    cast: Cast, settings: Settings
) -> None:
    client = signed_in(cast.operator)
    settings.CERTMATE_LDAP = {"AUTH_LDAP_SERVER_URI": "ldaps://ldap.example.test"}
    cast.operator.set_unusable_password()
    cast.operator.save()
    client.force_login(cast.operator)
    assert client.get(APP).headers["Location"].startswith(CONFIRM)
    assert b'type="password"' in client.get(CONFIRM).content


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/admin/",
        "/admin/certificates/certificate/",
        "/admin/auth/user/",
        "/admin/password_change/",
        "/admin/jsi18n/",
        "/account/sessions/",
    ],
)
def test_who_needs_a_factor_is_led_to_set_one_up(strict: None, cast: Cast, path: str) -> None:
    client = signed_in(cast.owner)
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"] == INDEX
    page = client.get(INDEX).content.decode()
    assert "Your role needs a second factor" in page
    assert "/admin/certificates/" not in page


@pytest.mark.parametrize("path", ["/api/certificates", "/api/me", "/api/schema", "/x/tls"])
def test_a_session_without_the_factor_opens_nothing_of_the_api(
    strict: None, cast: Cast, path: str
) -> None:
    client = signed_in(cast.owner)
    answer = client.get(path)
    assert answer.status_code == 403
    assert answer.json()["code"] == "signin.second_factor_missing"


def test_a_header_does_not_lead_around_it(strict: None, cast: Cast) -> None:
    client = signed_in(cast.owner)
    assert client.get("/admin/", headers={"Authorization": "Bearer x"}).status_code == 302
    assert client.get("/api/me", headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.get("/api/me", headers={"Authorization": "Basic x"}).status_code == 403


def test_a_token_needs_no_factor(strict: None, cast: Cast) -> None:
    assert Caller(cast.owner).get("/api/me").status_code == 200


def test_the_role_decides(strict: None, cast: Cast) -> None:
    client = signed_in(cast.operator)
    assert client.get("/admin/").status_code == 200
    cast.operator.groups.add(Group.objects.get(name="keepers"))
    assert client.get("/admin/").headers["Location"] == INDEX


def test_with_the_factor_everything_opens(strict: None, cast: Cast) -> None:
    give_app(cast.owner)
    client = signed_in_with_factor(cast.owner)
    assert client.get("/admin/").status_code == 200
    assert client.get("/api/me").status_code == 200


def test_the_last_factor_of_such_a_role_stays(strict: None, cast: Cast) -> None:
    give_app(cast.owner)
    client = signed_in_with_factor(cast.owner)
    answer = client.post("/account/second-factor/app/remove/", {})
    assert "cannot deactivate" in answer.content.decode()
    assert Authenticator.objects.filter(user=cast.owner).exists()


def test_a_reset_by_command_is_audited_and_ends_all_sessions(
    strict: None, cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    give_app(cast.owner)
    client = signed_in_with_factor(cast.owner)
    call_command("reset_second_factor", "owner")
    assert "removed: 1" in capsys.readouterr().out
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
    assert signed_in(cast.owner).get("/admin/").headers["Location"] == INDEX
    assert "signin.second_factor_reset" in events(cast.owner)
    with pytest.raises(CommandError, match="no such user"):
        call_command("reset_second_factor", "nobody")


def test_a_misspelt_role_stops_the_start(settings: Settings, db: None) -> None:
    settings.CERTMATE_SECOND_FACTOR_ROLES = ("kepers",)
    with pytest.raises(ImproperlyConfigured, match="CERTMATE_SECOND_FACTOR_ROLES"):
        call_command("migrate", verbosity=0)
