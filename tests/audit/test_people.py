"""Sign-ins, sign-outs, passwords and refusals."""

from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client, RequestFactory

from certmate.audit import denials, keys, sealing
from certmate.audit.context import Context, running
from certmate.audit.models import Event, LogKey, Tally
from certmate.core import clock
from tests import factories
from tests.caller import Caller
from tests.cast import PASSWORD, Cast
from tests.ui.pages import signed_in


def told(name: str) -> list[Event]:
    return list(Event.objects.filter(name=name).order_by("pk"))


def sign_in(name: str, password: str, address: str = "192.0.2.1") -> User | None:
    """As the sign-in page asks, wherever it is."""
    request = RequestFactory().post("/", REMOTE_ADDR=address)
    user = authenticate(request, username=name, password=password)
    assert user is None or isinstance(user, User)
    return user


def test_signing_in_and_out_are_events_of_the_person(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.operator)
    client.logout()
    for name in ("user.signed_in", "user.signed_out"):
        (event,) = told(name)
        assert (event.actor_name, event.object_pk) == ("operator", str(cast.operator.pk))


def test_a_failed_sign_in_names_who_was_tried_and_no_password(cast: Cast) -> None:
    assert sign_in("operator", "hunter2-wrong") is None
    (event,) = told("user.sign_in_failed")
    assert (event.entry.object_repr, event.object_pk) == ("operator", str(cast.operator.pk))
    assert (event.actor_kind, event.actor_id) == ("anonymous", None)
    everything = str(LogEntry.objects.values_list()) + str(Event.objects.values_list())
    assert "hunter2-wrong" not in everything
    assert PASSWORD not in everything


def test_a_name_that_was_tried_is_bounded_and_printable(db: None) -> None:
    denials.sign_in_failed("x\n\x00\x1b[31m" + "y" * 500, "192.0.2.1")
    (event,) = told("user.sign_in_failed")
    assert event.entry.object_repr == "x???[31m" + "y" * 142
    assert event.object_pk == ""


def test_guessing_does_not_fill_the_log(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        denials.sign_in_failed(f"name{number}", "192.0.2.1")
        denials.sign_in_failed(f"name{number}", f"2001:db8::{number:x}")
    assert len(told("user.sign_in_failed")) == 2
    later = clock.now() + denials.WHILE + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert denials.close_tallies() == 2
    events = told("user.sign_in_failed")
    assert [e.entry.additional_data.get("repeated") for e in events] == [None, None, 29, 29]
    assert not Tally.objects.exists()


def test_guessing_from_many_addresses_does_not_fill_the_log_either(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denials, "MOST", 5)
    for number in range(40):
        denials.sign_in_failed("root", f"10.0.{number}.1")
    assert len(told("user.sign_in_failed")) == 6
    assert Tally.objects.count() == 6


def test_what_many_were_refused_is_not_told_of_one_of_them(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denials, "MOST", 0)
    for user in (cast.owner, cast.outsider):
        with running(Context(request_id="request-1", user=user)):
            denials.denied(code="access.denied", path="/api/certificates")
    later = clock.now() + denials.WHILE + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    monkeypatch.setattr(denials, "MOST", 5)
    denials.close_tallies()
    first, counted = told("access.denied")
    assert first.actor_name == "owner"
    assert (counted.actor_name, counted.entry.object_repr) == ("", "several callers")
    assert counted.entry.additional_data["repeated"] == 1


def test_where_sign_ins_failed_from_is_told_of_those_that_were_counted(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        denials.sign_in_failed("root", "2001:db8::1")
    later = clock.now() + denials.WHILE + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    denials.close_tallies()
    networks = [e.entry.additional_data["network"] for e in told("user.sign_in_failed")]
    assert networks == ["2001:db8::/64"] * 2


def test_a_refusal_stands_without_the_logs_key(cast: Cast) -> None:
    sealing.seal()
    LogKey.objects.all().delete()
    keys.forget()
    try:
        with running(Context(request_id="request-1", user=cast.owner)):
            denials.denied(code="access.denied", path="/api/certificates")
    finally:
        keys.forget()
    assert told("access.denied") == []


def test_what_was_refused_is_told_once_in_a_while(cast: Cast) -> None:
    certificate = factories.certificate()
    caller = Caller(cast.auditor)
    for _ in range(5):
        caller.post(f"/api/certificates/{certificate.name}/renew")
    (event,) = told("access.denied")
    assert (event.actor_name, event.object_pk) == ("auditor", str(cast.auditor.pk))
    assert event.entry.additional_data["code"] == "access.denied"
    assert Tally.objects.get().count == 4


def test_a_hidden_object_and_one_that_is_not_there_are_told_alike(cast: Cast) -> None:
    factories.certificate("hidden.example.test")
    details = []
    for name in ("hidden.example.test", "absent.example.test"):
        Tally.objects.all().delete()
        Caller(cast.outsider).get(f"/api/certificates/{name}")
        details.append(told("access.denied")[-1].entry.additional_data["code"])
    assert details == ["request.not_found"] * 2


def test_a_refusal_in_the_admin_is_told(cast: Cast) -> None:
    certificate = factories.certificate()
    signed_in(cast.outsider).get(f"/admin/certificates/certificate/{certificate.pk}/change/")
    signed_in(cast.auditor).post("/admin/certificates/certificate/add/", {})
    assert {event.actor_name for event in told("access.denied")} == {"outsider", "auditor"}


def test_nobody_who_is_not_signed_in_makes_rows_by_being_refused(db: None) -> None:
    before = Event.objects.count()
    Client().get("/api/certificates")
    Client().get("/admin/certificates/certificate/")
    Client(headers={"Authorization": "Bearer cm_wrong"}).get("/api/me")
    assert Event.objects.count() == before


def test_a_refusal_stands_when_it_cannot_be_logged(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> bool:
        raise DatabaseError("locked")

    monkeypatch.setattr(denials, "_is_counted", broken)
    certificate = factories.certificate()
    answer = Caller(cast.auditor).post(f"/api/certificates/{certificate.name}/renew")
    assert answer.status_code == 403


def test_a_changed_password_is_an_event_without_the_password(cast: Cast) -> None:
    cast.operator.set_password("another horse battery")
    cast.operator.save()
    (event,) = told("user.password_changed")
    assert event.object_pk == str(cast.operator.pk)
    assert event.entry.additional_data["usable"] is True
    cast.operator.set_unusable_password()
    cast.operator.save()
    cast.operator.save()
    assert [e.entry.additional_data["usable"] for e in told("user.password_changed")] == [
        True,
        False,
    ]
    everything = str(LogEntry.objects.values_list())
    assert "another horse" not in everything
    assert "md5$" not in everything


def test_a_stronger_hash_of_the_same_password_is_no_change(cast: Cast, settings: Any) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    assert cast.operator.check_password(PASSWORD)
    assert cast.operator.password.startswith("scrypt")
    assert told("user.password_changed") == []
