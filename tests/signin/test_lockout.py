"""Guessing is counted, for who is known and who is not, and locks out no bystander."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pytest_django import Settings

from certmate.core.errors import CertMateError
from certmate.signin import lockout
from certmate.signin.models import FailedAttempts
from tests.cast import PASSWORD, Cast
from tests.signin import people
from tests.signin.people import enter, events, is_in, post, signed_in, wait

HERE, THERE = "192.0.2.1", "198.51.100.7"


def guess(times: int, name: str = "operator", address: str = HERE) -> None:
    for _ in range(times):
        assert not is_in(enter(name, "a wrong password", address=address))


def test_five_wrong_passwords_lock_the_name_at_this_address_only(cast: Cast) -> None:
    guess(5)
    response = enter("operator", address=HERE)
    assert not is_in(response)
    assert "Too many failed attempts. Try again in 15 minutes" in response.content.decode()
    assert is_in(enter("operator", address=THERE))
    assert is_in(enter("auditor", address=HERE))


def test_the_lock_ends_by_itself(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    guess(5)
    guess(3)
    wait(monkeypatch, lockout.PAIR.silence + timedelta(seconds=1))
    assert is_in(enter("operator"))


def test_a_name_that_nobody_has_is_told_the_same(cast: Cast) -> None:
    def pages(name: str) -> list[str]:
        answers = [enter(name, "a wrong password").content.decode() for _ in range(7)]
        return [page.replace(name, "").partition("login-card")[2] for page in answers]

    def without_token(text: str) -> str:
        return "".join(part for part in text.split('"') if len(part) != 64)

    known, unknown = pages("operator"), pages("nobody-here")
    assert [*map(without_token, known)] == [*map(without_token, unknown)]


def test_somebody_deactivated_is_told_the_same(cast: Cast) -> None:
    User.objects.filter(pk=cast.auditor.pk).update(is_active=False)
    known, inactive = enter("operator", "a wrong password"), enter("auditor", PASSWORD)
    assert inactive.context["form"].errors == known.context["form"].errors


def test_a_success_takes_back_only_its_own_failures(cast: Cast) -> None:
    guess(4)
    assert is_in(enter("operator"))
    guess(4)
    assert is_in(enter("operator"))
    guess(3, "owner")
    assert FailedAttempts.objects.get(kind="address").count == 3


def test_many_names_from_one_address_lock_the_address(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockout, "ADDRESS", lockout.Limit("address", 6, timedelta(hours=1)))
    for number in range(6):
        guess(1, f"name{number}")
    assert not is_in(enter("operator", address=HERE))
    assert is_in(enter("operator", address=THERE))


def test_an_ipv6_customer_is_one_address(cast: Cast) -> None:
    for number in range(5):
        guess(1, address=f"2001:db8::{number}")
    assert not is_in(enter("operator", address="2001:db8::ffff"))
    assert is_in(enter("operator", address="2001:db8:0:1::1"))


def test_guessing_everywhere_cannot_lock_the_administrator_out(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockout, "NAME", lockout.Limit("name", 8, timedelta(hours=1)))
    assert is_in(enter("owner", address=THERE))
    for number in range(8):
        guess(1, "owner", address=f"203.0.113.{number}")
    assert not is_in(enter("owner", address="203.0.113.200"))
    assert is_in(enter("owner", address=THERE))


@pytest.mark.parametrize("is_behind_proxy", [False, True])
def test_a_forwarding_header_counts_only_behind_a_proxy(
    cast: Cast, settings: Settings, is_behind_proxy: bool
) -> None:
    settings.CERTMATE_BEHIND_PROXY = is_behind_proxy
    for number in range(5):
        client = Client(headers={"X-Forwarded-For": f"203.0.113.9, 203.0.113.{number}"})
        post(client, "operator", "a wrong password")
    client = Client(headers={"X-Forwarded-For": "203.0.113.0, 203.0.113.77"})
    assert is_in(post(client, "operator")) is is_behind_proxy


def test_the_admins_own_address_leads_to_the_one_page(cast: Cast) -> None:
    response = Client().post("/admin/login/", {"username": "owner", "password": PASSWORD})
    assert response.headers["Location"] == "/account/login/?next=%2Fadmin%2F"


def test_guesses_at_the_old_password_count(cast: Cast) -> None:
    client = signed_in(cast.operator)
    for _ in range(6):
        response = client.post(
            "/admin/password_change/",
            {"old_password": "wrong", "new_password1": "x", "new_password2": "x"},
        )
    assert "Too many failed attempts" in response.content.decode()
    assert not is_in(enter("operator", address="127.0.0.1"))


def test_guesses_at_re_authentication_count(cast: Cast) -> None:
    client = signed_in(cast.owner)
    form = {"owner": cast.owner.pk, "name": "x", "scopes": ["read"], "password": "wrong"}
    for _ in range(6):
        response = client.post("/admin/access/apitoken/add/", form)
    assert "Too many failed attempts" in response.content.decode()
    form["password"] = PASSWORD
    assert "Too many" in client.post("/admin/access/apitoken/add/", form).content.decode()
    page = client.post("/account/confirm/", {"password": PASSWORD})
    assert "Too many failed attempts" in page.content.decode()


def test_guesses_of_a_code_count_and_no_password_takes_them_back(cast: Cast) -> None:
    secret = people.give_app(cast.operator)
    client = Client(REMOTE_ADDR=HERE)
    post(client, "operator")
    for _ in range(4):
        code = people.wrong(people.code_of(secret))
        response = client.post(people.SECOND, {"code": code})
        assert "wrong or was used" in response.content.decode()
    response = client.post(people.SECOND, {"code": people.code_of(secret)})
    assert "Too many failed attempts" in response.content.decode()
    assert not is_in(post(Client(REMOTE_ADDR=HERE), "operator"))


def test_a_lock_is_audited_once(cast: Cast) -> None:
    guess(5)
    assert events(cast.operator) == []
    guess(3)
    with pytest.raises(lockout.LockedOut):
        lockout.attempt("operator", HERE)
    assert events(cast.operator) == ["signin.locked"]


def test_an_administrator_unlocks_by_command(
    cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    guess(6)
    call_command("unlock", "operator")
    assert "Unlocked" in capsys.readouterr().out
    assert is_in(enter("operator"))
    assert events(cast.operator) == ["signin.locked", "signin.unlocked"]
    with pytest.raises(CommandError, match="Name a user"):
        call_command("unlock")


def test_nothing_that_was_typed_is_kept(cast: Cast) -> None:
    guess(1, "canary-password")
    assert "canary" not in str(list(FailedAttempts.objects.values()))


def test_the_refusal_says_when_it_ends(cast: Cast) -> None:
    guess(5)
    with pytest.raises(CertMateError) as caught:
        lockout.check("operator", HERE)
    assert caught.value.code == "signin.locked"
    assert caught.value.retry_after is not None
    assert timedelta(minutes=14) < caught.value.retry_after <= timedelta(minutes=15)


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_time_do_not_slip_through() -> None:
    def one(_: int) -> bool:
        try:
            lockout.attempt("somebody", HERE)
        except lockout.LockedOut:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert sum(pool.map(one, range(24))) == lockout.PAIR.guesses
