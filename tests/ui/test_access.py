"""Tokens, users, the audit log and schedules in the admin."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from certmate.access.models import ApiToken
from certmate.access.services import find_token
from tests import factories
from tests.cast import PASSWORD, Cast, token_for
from tests.ui.pages import page, queries, signed_in, text


def make_token(cast: Cast, **changed: Any) -> Any:
    data = {
        "owner": cast.owner.pk,
        "name": "deploy",
        "scopes": ["read", "operate"],
        "password": PASSWORD,
    }
    return signed_in(cast.owner).post(page(ApiToken, "add"), data | changed)


def test_a_token_is_shown_once_and_kept_nowhere(cast: Cast) -> None:
    response = make_token(cast)
    plaintext = response.context["plaintext"]
    token = find_token(plaintext)
    assert token is not None
    assert token.scopes == ["operate", "read"]
    assert plaintext in text(response)
    assert "no-store" in response.headers["Cache-Control"]
    assert plaintext not in str(response.cookies)
    assert all(plaintext not in json.dumps(s.get_decoded()) for s in Session.objects.all())
    for url in (page(token), page(ApiToken, "changelist")):
        html = text(signed_in(cast.owner).get(url))
        assert token.hint in html
        assert plaintext not in html
        assert token.digest not in html


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"name": ""}, "name"),
        ({"expires_at": "2020-01-01T00:00"}, "expires_at"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(
    cast: Cast, changed: dict[str, Any], field: str
) -> None:
    assert list(make_token(cast, **changed).context["form"].errors) == [field]
    assert not ApiToken.objects.exists()


def test_only_a_superuser_makes_tokens_for_others(cast: Cast) -> None:
    rights = Permission.objects.filter(codename__in=["add_apitoken", "view_apitoken"])
    cast.operator.user_permissions.add(*rights)
    data = {"owner": cast.owner.pk, "name": "deploy", "scopes": ["read"], "password": PASSWORD}
    response = signed_in(cast.operator).post(page(ApiToken, "add"), data)
    assert "owner" in response.context["form"].errors
    assert not ApiToken.objects.exists()
    signed_in(cast.operator).post(page(ApiToken, "add"), data | {"owner": cast.operator.pk})
    assert ApiToken.objects.get().owner == cast.operator


def test_a_token_is_revoked_not_deleted(cast: Cast) -> None:
    plaintext = token_for(cast.operator, "read")
    token = ApiToken.objects.get()
    client = signed_in(cast.owner)
    assert client.post(page(token, "delete")).status_code == 403
    client.post(page(token, "revoke"))
    assert find_token(plaintext) is None
    assert page(token, "revoke") not in text(client.get(page(token)))


@pytest.mark.parametrize("right", ["change_user", "delete_user"])
def test_who_is_no_superuser_does_not_touch_one(cast: Cast, right: str) -> None:
    rights = Permission.objects.filter(codename__in=[right, "view_user"])
    cast.operator.user_permissions.add(*rights)
    client = signed_in(cast.operator)
    assert client.post(page(cast.owner, "delete"), {"post": "yes"}).status_code == 403
    assert client.post(page(cast.owner), {"username": "gone"}).status_code == 403
    password = f"/admin/auth/user/{cast.owner.pk}/password/"
    assert client.post(password, {"usable_password": "false"}).status_code == 403
    assert User.objects.get(pk=cast.owner.pk).username == "owner"


def test_nobody_gives_himself_rights(cast: Cast) -> None:
    cast.operator.user_permissions.add(
        *Permission.objects.filter(codename__in=["change_user", "view_user"])
    )
    sent = {"username": "operator", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    sent["user_permissions"] = str(Permission.objects.get(codename="delete_certificate").pk)
    signed_in(cast.operator).post(page(cast.operator), sent)
    changed = User.objects.get(pk=cast.operator.pk)
    assert not changed.is_superuser
    assert not changed.has_perm("certificates.delete_certificate")


@pytest.mark.parametrize("model", [ApiToken, User])
def test_lists_take_as_many_queries_for_many_rows(cast: Cast, model: type[Any]) -> None:
    def fill(count: int) -> None:
        for _ in range(count):
            token_for(cast.owner, "read")
            factories.certificate(f"n{User.objects.count()}.example.test")
            User.objects.create_user(f"u{User.objects.count()}")

    client = signed_in(cast.owner)
    fill(3)
    few = queries(client, page(model, "changelist"))
    fill(30)
    assert queries(client, page(model, "changelist")) == few <= 7


def test_a_schedule_is_turned_off_and_keeps_its_task(cast: Cast) -> None:
    task = PeriodicTask.objects.get(name="certificates.renew_due")
    client = signed_in(cast.owner)
    assert client.post(page(task, "delete"), {"post": "yes"}).status_code == 403
    client.post(page(task), {"interval": task.interval_id, "crontab": ""})
    task.refresh_from_db()
    assert not task.enabled
    assert task.task == "certificates.renew_due"


def test_a_schedule_has_an_interval_or_a_crontab(cast: Cast) -> None:
    task = PeriodicTask.objects.get(name="certificates.renew_due")
    response = signed_in(cast.owner).post(page(task), {"interval": "", "crontab": ""})
    assert response.context["adminform"].form.errors
    task.refresh_from_db()
    assert task.enabled


def test_schedules_that_certmate_does_not_use_are_not_offered(cast: Cast) -> None:
    assert signed_in(cast.owner).get("/admin/django_celery_beat/solarschedule/").status_code == 404
    assert signed_in(cast.owner).get(page(IntervalSchedule, "changelist")).status_code == 200
