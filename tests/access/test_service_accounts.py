"""Service accounts: users that are programs, and who has tokens in their name."""

from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Permission, User
from guardian.shortcuts import assign_perm

from certmate.access import owners, services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, ServiceAccount, Team
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, Conflict, InvalidRequest, NotFound
from tests.access.test_tokens import acting, make
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def account(name: str = "ci", **fields: Any) -> ServiceAccount:
    return services.create_service_account(actor=Actor.system(), name=name, **fields)


def administering(user: User, target: ServiceAccount | Team) -> Actor:
    """The user, to whom only this one account, or what belongs to this team, was entrusted."""
    right = "administer_under_team" if isinstance(target, Team) else "administer_serviceaccount"
    assign_perm(f"access.{right}", user, target)
    return Actor.of(User.objects.get(pk=user.pk))


def test_a_service_account_cannot_sign_in_and_may_nothing() -> None:
    user = account().user
    assert not user.has_usable_password()
    assert not user.is_staff
    assert not user.is_superuser
    assert user.get_all_permissions() == set()
    assert authenticate(username="ci", password="") is None


@pytest.mark.parametrize("name", ["", "Ci", "-ci", "ci-", "a/b", "a b", "ü", "x" * 65])
def test_a_name_has_to_fit_into_an_address(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        account(name)
    assert refused.value.code == "service_account.name"
    assert not User.objects.exists()


def test_a_name_that_somebody_has_is_taken(cast: Cast) -> None:
    with pytest.raises(Conflict) as refused:
        account(cast.operator.username)
    assert refused.value.code == "service_account.exists"
    assert not ServiceAccount.objects.exists()


def test_who_may_not_make_one_does_not(cast: Cast) -> None:
    with pytest.raises(AccessDenied):
        services.create_service_account(actor=Actor.of(cast.operator), name="ci")


def test_who_may_add_to_a_team_makes_one_there_and_nowhere_else(cast: Cast) -> None:
    team = Team.objects.create(name="web")
    for right in ("view_team", "add_under_team"):
        assign_perm(f"access.{right}", cast.operator, team)
    actor = Actor.of(cast.operator)
    made = services.create_service_account(actor=actor, name="ci", team="web")
    assert made.team == team
    with pytest.raises(AccessDenied):
        services.create_service_account(actor=actor, name="ci2")


@pytest.mark.parametrize("through_team", [False, True])
def test_who_administers_an_account_has_tokens_for_it(cast: Cast, through_team: bool) -> None:
    team = Team.objects.create(name="web")
    mine, other = account(team="web"), account("other")
    actor = administering(cast.operator, team if through_team else mine)
    token, _ = make(mine.user, actor=actor)
    theirs, _ = make(other.user)
    assert owners.visible(actor, ApiToken.objects.all()).get() == token
    assert owners.administers_any(actor)
    made, _ = services.rotate_token(actor=actor, token=token)
    services.revoke_token(actor=actor, token=made)
    with pytest.raises(AccessDenied):
        make(other.user, actor=actor)
    with pytest.raises(AccessDenied):
        make(cast.operator, actor=actor)
    for act in (services.revoke_token, services.rotate_token):
        with pytest.raises(NotFound):
            act(actor=actor, token=theirs)


def test_a_token_narrowed_to_a_team_makes_none_for_the_teams_account(cast: Cast) -> None:
    mine = account(team=Team.objects.create(name="web").name)
    actor = acting(cast.owner, teams=[Team.objects.get()])
    assert owners.acts_for(actor, mine.user)  # It administers the account, and so far only that.
    with pytest.raises(AccessDenied):
        make(mine.user, actor=actor)


def test_an_account_that_may_everything_is_left_to_superusers(cast: Cast) -> None:
    mine = account()
    token, _ = make(mine.user)
    actor = administering(cast.operator, mine)
    mine.user.is_superuser = True
    mine.user.save()
    assert not owners.allowed(actor, Verb.VIEW, token)
    with pytest.raises(AccessDenied):
        make(mine.user, actor=actor)
    assert make(mine.user, actor=Actor.of(cast.owner))


def test_nobody_has_tokens_for_an_account_that_may_do_more_than_he(cast: Cast) -> None:
    mine = account()
    actor = administering(cast.operator, mine)
    assert make(mine.user, actor=actor)
    token = ApiToken.objects.get()
    mine.user.user_permissions.add(Permission.objects.get(codename="delete_certificate"))
    with pytest.raises(AccessDenied) as refused:
        make(mine.user, actor=actor)
    assert refused.value.code == "access.gain"
    with pytest.raises(AccessDenied) as refused:
        services.rotate_token(actor=actor, token=token)
    assert refused.value.code == "access.gain"
    services.revoke_token(actor=actor, token=token)
    assert ApiToken.objects.get().revoked_at is not None


def test_nobody_puts_an_account_into_use_that_may_do_more_than_he(cast: Cast) -> None:
    mine = account()
    for right in ("view", "change"):
        assign_perm(f"access.{right}_serviceaccount", cast.operator, mine)
    mine.user.user_permissions.add(Permission.objects.get(codename="delete_certificate"))
    actor = Actor.of(cast.operator)
    services.update_service_account(actor=actor, account=mine, is_active=False)
    with pytest.raises(AccessDenied) as refused:
        services.update_service_account(actor=actor, account=mine, is_active=True)
    assert refused.value.code == "access.gain"
    assert not User.objects.get(username="ci").is_active


def test_a_service_account_makes_tokens_for_itself_only_with_the_right(cast: Cast) -> None:
    user = account().user
    with pytest.raises(AccessDenied):
        make(user, actor=acting(user))
    user.user_permissions.add(Permission.objects.get(codename="add_apitoken"))
    assert make(user, actor=acting(User.objects.get(pk=user.pk)))


def test_an_account_out_of_use_takes_its_tokens_with_it(cast: Cast) -> None:
    mine = account()
    _, plaintext = make(mine.user)
    actor = Actor.of(cast.owner)
    services.update_service_account(actor=actor, account=mine, is_active=False)
    assert services.find_token(plaintext) is None
    services.update_service_account(actor=actor, account=mine, is_active=True, description="CI")
    assert services.find_token(plaintext) is not None
    assert ServiceAccount.objects.get().description == "CI"


def test_an_edit_of_an_old_copy_keeps_what_somebody_else_has_changed(cast: Cast) -> None:
    mine, actor = account(), Actor.of(cast.owner)
    stale = ServiceAccount.objects.select_related("user").get()
    services.update_service_account(actor=actor, account=mine, is_active=False, description="CI")
    services.update_service_account(actor=actor, account=stale, team="")
    found = ServiceAccount.objects.select_related("user").get()
    assert (found.description, found.user.is_active) == ("CI", False)


def test_who_may_only_change_an_account_moves_it_to_no_team(cast: Cast) -> None:
    team, mine = Team.objects.create(name="web"), account()
    for right, target in (("change_serviceaccount", mine), ("view_serviceaccount", mine)):
        assign_perm(f"access.{right}", cast.operator, target)
    assign_perm("access.view_team", cast.operator, team)
    actor = Actor.of(cast.operator)
    with pytest.raises(AccessDenied):
        services.update_service_account(actor=actor, account=mine, team="web")
    assert ServiceAccount.objects.get().team is None


def test_a_deleted_account_takes_tokens_and_grants_with_it(cast: Cast) -> None:
    mine = account()
    make(mine.user)
    services.delete_service_account(actor=Actor.of(cast.owner), account=mine)
    assert not ApiToken.objects.exists()
    assert not User.objects.filter(username="ci").exists()
    with pytest.raises(NotFound):
        services.delete_service_account(actor=Actor.of(cast.operator), account=account("b"))
