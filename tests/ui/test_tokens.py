"""Tokens and service accounts in the admin: limits, rotation, whose they are."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from guardian.shortcuts import assign_perm

from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, ServiceAccount, Team
from certmate.access.services import find_token
from certmate.core import clock, rates
from tests.cast import PASSWORD, Cast, token_for
from tests.ui.pages import page, queries, signed_in, text, told

pytestmark = pytest.mark.django_db


def account(name: str = "ci") -> ServiceAccount:
    return services.create_service_account(actor=Actor.system(), name=name)


def entrusted(cast: Cast) -> tuple[User, ServiceAccount]:
    """The outsider, who may see and administer one account and nothing else."""
    mine = account()
    for right in ("view", "administer"):
        assign_perm(f"access.{right}_serviceaccount", cast.outsider, mine)
    return cast.outsider, mine


def make(user: User, owner: User, **changed: Any) -> Any:
    data = {"owner": owner.pk, "name": "deploy", "scopes": ["read"], "password": PASSWORD}
    return signed_in(user).post(page(ApiToken, "add"), data | changed)


def test_a_token_is_made_with_limits_and_shows_them(cast: Cast) -> None:
    team = Team.objects.create(name="web")
    made = make(
        cast.owner,
        account().user,
        teams=[team.pk],
        name_patterns="*.dev.example.test\nwww.Example.test",
        networks="192.0.2.0/24, 2001:db8::/32",
        is_agent="on",
    )
    token = find_token(made.context["plaintext"], "192.0.2.1")
    assert token is not None
    assert token.owner.get_username() == "ci"
    html = text(signed_in(cast.owner).get(page(token)))
    shown = ("web", "*.dev.example.test", "www.example.test", "192.0.2.0/24", "2001:db8::/32")
    assert all(f"<li>{value}</li>" in html for value in shown)
    assert "Automation" in html


@pytest.mark.parametrize(
    ("field", "value"), [("name_patterns", "*"), ("networks", "10.0.0"), ("teams", "99")]
)
def test_a_limit_that_makes_no_sense_is_told_at_its_field(
    cast: Cast, field: str, value: str
) -> None:
    assert list(make(cast.owner, cast.owner, **{field: value}).context["form"].errors) == [field]
    assert not ApiToken.objects.exists()


def test_a_token_is_rotated_and_its_successor_shown_once(cast: Cast) -> None:
    before = token_for(cast.operator, "read")
    token = ApiToken.objects.get()
    client = signed_in(cast.owner)
    refused = client.post(page(token, "rotate"), {"overlap": "24", "password": "wrong"})
    assert "password" in refused.context["form"].errors
    assert ApiToken.objects.count() == 1
    response = client.post(page(token, "rotate"), {"overlap": "24", "password": PASSWORD})
    after = response.context["plaintext"]
    assert "no-store" in response.headers["Cache-Control"]
    assert find_token(before)
    successor = find_token(after)
    assert successor is not None
    assert successor.replaces == token
    html = text(client.get(page(token)))
    assert "Replaced by" in html
    assert page(token, "rotate") not in html
    assert "Successor of" in text(client.get(page(successor)))
    again = client.post(page(token, "rotate"), {"overlap": "24", "password": PASSWORD})
    assert again.context["form"].non_field_errors()


def test_who_may_only_end_a_token_does_not_rotate_it(cast: Cast) -> None:
    rights = Permission.objects.filter(codename__in=["view_apitoken", "change_apitoken"])
    cast.operator.user_permissions.add(*rights)
    token_for(cast.owner, "read")
    token, client = ApiToken.objects.get(), signed_in(cast.operator)
    html = text(client.get(page(token)))
    assert page(token, "revoke") in html
    assert page(token, "rotate") not in html
    data = {"overlap": "0", "password": PASSWORD}
    assert client.post(page(token, "rotate"), data).status_code == 403
    assert ApiToken.objects.count() == 1


def test_the_list_is_narrowed_by_owner_and_state(cast: Cast) -> None:
    token_for(cast.operator, "read")
    token_for(cast.auditor, "read")
    ended = ApiToken.objects.get(owner=cast.auditor)
    services.revoke_token(actor=Actor.system(), token=ended)
    client = signed_in(cast.owner)

    def shown(query: str) -> list[User]:
        rows = client.get(f"{page(ApiToken, 'changelist')}?{query}").context["cl"].result_list
        return [token.owner for token in rows]

    assert shown(f"owner__id__exact={cast.operator.pk}") == [cast.operator]
    assert shown("state=active") == [cast.operator]
    assert shown("state=ended") == [cast.auditor]
    assert shown("q=auditor") == [cast.auditor]


def test_the_filter_names_no_owner_of_hidden_tokens(cast: Cast) -> None:
    user, mine = entrusted(cast)
    for owner in (mine.user, account("other").user):
        token_for(owner, "read")
    html = text(signed_in(user).get(page(ApiToken, "changelist")))
    assert "ci" in html
    assert "other" not in html


def test_the_list_costs_the_same_for_many_tokens(cast: Cast) -> None:
    client, url = signed_in(cast.owner), page(ApiToken, "changelist")
    token_for(cast.owner, "read")
    few = queries(client, url)
    for _ in range(10):
        token_for(cast.operator, "read")
    assert queries(client, url) == few


def test_who_administers_one_account_has_pages_for_it_alone(cast: Cast) -> None:
    user, mine = entrusted(cast)
    token_for(cast.owner, "read")
    hidden, client = ApiToken.objects.get(), signed_in(user)
    form = client.get(f"{page(ApiToken, 'add')}?owner={mine.user.pk}").context["form"]
    assert list(form.fields["owner"].queryset) == [mine.user]
    made = make(user, mine.user)
    token = find_token(made.context["plaintext"])
    assert token is not None
    html = text(client.get(page(mine)))
    assert page(token) in html
    assert "Make a token" in html
    assert "owner" in make(user, cast.outsider).context["form"].errors
    for name in ("change", "revoke", "rotate"):
        assert client.get(page(hidden, name)).status_code == 404
        assert client.get(page(token, name)).status_code == 200
    client.post(page(token, "revoke"))
    assert find_token(made.context["plaintext"]) is None


def test_a_service_account_is_made_changed_and_put_out_of_use(cast: Cast) -> None:
    team, client = Team.objects.create(name="web"), signed_in(cast.owner)
    data = {"name": "ci", "description": "Deploys", "team": "web"}
    client.post(page(ServiceAccount, "add"), data)
    mine = ServiceAccount.objects.get()
    assert (mine.user.get_username(), mine.description, mine.team) == ("ci", "Deploys", team)
    assert not mine.user.has_usable_password()
    plaintext = token_for(mine.user, "read")
    assert "Deploys" in text(client.get(page(mine)))
    client.post(page(mine), {"description": "Builds", "team": ""})
    mine.refresh_from_db()
    assert (mine.description, mine.team) == ("Builds", None)
    client.post(page(mine, "deactivate"))
    assert find_token(plaintext) is None
    assert "Out of use" in text(client.get(page(ServiceAccount, "changelist")))
    assert told(client.post(page(mine, "activate"), follow=True)) == ["ci is in use again."]
    assert find_token(plaintext)
    client.post(page(mine, "delete"))
    assert not User.objects.filter(username="ci").exists()


def test_a_taken_name_is_told_at_the_field(cast: Cast) -> None:
    client = signed_in(cast.owner)
    response = client.post(page(ServiceAccount, "add"), {"name": "operator"})
    assert list(response.context["form"].errors) == ["name"]


def test_a_hidden_service_account_does_not_exist(cast: Cast) -> None:
    user, mine = entrusted(cast)
    other, client = account("other"), signed_in(user)
    assert client.get(page(mine)).status_code == 200
    assert client.get(page(other)).status_code == 404
    assert client.get(page(mine, "deactivate")).status_code == 403
    assert client.get(page(ServiceAccount, "add")).status_code == 403
    assert "other" not in text(client.get(page(ServiceAccount, "changelist")))


def test_the_overview_tells_superusers_that_limits_are_counted_apart(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    hint = "each web process counts calls for itself"
    assert hint not in text(signed_in(cast.owner).get("/admin/"))
    monkeypatch.setattr(rates, "lost_since", clock.now)
    assert hint in text(signed_in(cast.owner).get("/admin/"))
    assert hint not in text(signed_in(cast.operator).get("/admin/"))
