"""What a session alone does not do in the API, and what an address does not tell."""

import pytest
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm

from certmate.access.actors import Actor
from certmate.access.models import ApiToken
from certmate.access.services import create_token
from tests.access.four_eyes import AtBrowser
from tests.caller import Caller, problem
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def test_an_open_browser_is_not_enough_to_make_a_token(cast: Cast) -> None:
    browser = AtBrowser(cast.owner)
    answer = browser.post("/api/tokens", name="mine", scopes=["operate"])
    problem(answer, 403, "access.session")
    assert not ApiToken.objects.exists()
    browser.client.post("/account/confirm/", {"password": PASSWORD})
    assert browser.post("/api/tokens", name="mine", scopes=["operate"]).status_code == 201


def test_an_open_browser_is_not_enough_to_rotate_a_token(cast: Cast) -> None:
    token, _ = create_token(actor=Actor.system(), owner=cast.owner, name="mine", scopes=["operate"])
    answer = AtBrowser(cast.owner).post(f"/api/tokens/{token.pk}/rotate")
    problem(answer, 403, "access.session")
    assert ApiToken.objects.count() == 1


def test_a_hidden_name_in_capitals_is_like_none(cast: Cast) -> None:
    """Another name that differs in case only is no way to learn of it."""
    User.objects.create_user("mallory")
    seen = User.objects.get(username="mallory")
    assign_perm("auth.view_user", cast.outsider, seen)
    caller = Caller(cast.outsider)
    before = caller.get("/api/access?kind=user&name=MALLORY&user=outsider").status_code
    User.objects.create_user("MALLORY")
    assert caller.get("/api/access?kind=user&name=MALLORY&user=outsider").status_code == before
