"""Ways round the policy and round four eyes: each test is named after what must not happen."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from guardian.shortcuts import assign_perm

from certificates import services as certificates
from certificates.models import Certificate
from certificates.services import CertificateRequest
from certmate.access import policy, services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Approval, Team
from certmate.access.services import approvals, create_token, people
from certmate.access.services.approvals.asking import Permit
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, CertMateError, Conflict
from tests import factories
from tests.access.four_eyes import (
    SYSTEM,
    approve,
    certificate,
    decider,
    revocation,
    rule,
    state,
    waits,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def permit(user: User, *codenames: str) -> Actor:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return Actor.of(User.objects.get(pk=user.pk))


def test_a_token_reaches_no_further_once_its_team_is_gone(cast: Cast) -> None:
    team, other = Team.objects.create(name="web"), certificate()
    token, plaintext = create_token(
        actor=SYSTEM, owner=cast.operator, name="t", scopes=["operate"], teams=[team]
    )
    services.delete_team(actor=SYSTEM, team=team)
    found = services.find_token(plaintext)
    assert found is None or not policy.allowed(Actor.of(cast.operator, found), Verb.VIEW, other)
    stale = Actor.of(cast.operator, ApiToken.objects.get(pk=token.pk))
    assert not policy.allowed(stale, Verb.VIEW, other)


def test_nobody_comes_to_decide_by_giving_himself_a_group_without_rights(cast: Cast) -> None:
    board = Group.objects.create(name="board")
    rule(role=board)
    helpdesk = permit(cast.outsider, "view_user", "administer_user", "view_group")
    with pytest.raises(AccessDenied) as error:
        services.set_groups(actor=helpdesk, user=cast.outsider, groups=[board])
    assert error.value.code == "access.gain"


def test_nobody_sets_the_password_of_who_decides_without_deciding_himself(cast: Cast) -> None:
    board = Group.objects.create(name="board")
    rule(role=board)
    anna = decider("anna", role="board")
    helpdesk = permit(cast.outsider, "view_user", "administer_user")
    with pytest.raises(AccessDenied):
        services.set_password(actor=helpdesk, user=anna, password="a password of mine")


def test_nobody_gives_rights_that_he_lacks_another_name(cast: Cast) -> None:
    exporters = Group.objects.create(name="exporters")
    exporters.permissions.add(Permission.objects.get(codename="export_key_certificate"))
    clerk = permit(cast.outsider, "view_group", "change_group")
    with pytest.raises(AccessDenied) as error:
        services.rename_group(actor=clerk, group=exporters, name="everybody")
    assert error.value.code == "access.gain"


def test_what_was_approved_for_one_team_is_not_done_in_another_of_its_name(cast: Cast) -> None:
    dev, prod = Team.objects.create(name="dev"), Team.objects.create(name="prod")
    factories.ca_account()
    factories.storage_target()
    team = ContentType.objects.get_for_model(Team)
    rule("add", target_type=team, target_pk=str(dev.pk), target_repr="dev")
    request = CertificateRequest(domain="new.example.test", challenge_type="http-01")
    approval = waits(
        lambda: certificates.create_certificate(
            actor=Actor.of(cast.owner), request=request, team="dev", storage_name="vault"
        )
    )
    services.update_team(actor=SYSTEM, team=dev, name="old")
    services.update_team(actor=SYSTEM, team=prod, name="dev")
    approve(decider(), approval)
    approvals.carry_out(approval.pk)
    assert not Certificate.objects.exists()
    assert Approval.objects.get(pk=approval.pk).error_code == "approval.changed"


def test_who_could_have_made_the_token_does_not_approve_of_what_it_asks_for(cast: Cast) -> None:
    rule()
    cast.owner.groups.add(Group.objects.get(name="approver"))
    token, _ = create_token(
        actor=Actor.of(cast.owner), owner=cast.operator, name="t", scopes=["operate"]
    )
    asked = Actor.of(cast.operator, token)
    mine = certificate()
    approval = waits(lambda: certificates.revoke_certificate(actor=asked, certificate=mine))
    with pytest.raises(CertMateError) as error:
        approve(cast.owner, approval)
    assert error.value.code == "approval.own"


def test_a_reissue_asks_what_its_storage_target_asks_for_new_certificates(cast: Cast) -> None:
    mine = certificate()
    kind = ContentType.objects.get_for_model(type(mine.storage_target))
    rule("add", target_type=kind, target_pk=str(mine.storage_target.pk), target_repr="vault")
    request = CertificateRequest(domain="other.example.test")
    approval = waits(
        lambda: certificates.reissue_certificate(
            actor=Actor.of(cast.operator), certificate=mine, request=request
        )
    )
    assert state(approval) == "pending"


def test_nobody_gives_the_name_of_who_decides_to_another_without_approval(cast: Cast) -> None:
    """In a directory the name is the person."""
    rule("administer")
    anna = decider()
    waits(lambda: services.update_user(actor=Actor.of(cast.owner), user=anna, username="mallory"))


def test_who_decides_does_not_come_back_without_approval(cast: Cast) -> None:
    rule("administer")
    anna = decider()
    User.objects.filter(pk=anna.pk).update(is_active=False)
    anna.refresh_from_db()
    waits(lambda: services.update_user(actor=Actor.of(cast.owner), user=anna, is_active=True))


def test_a_token_does_not_take_the_key_that_a_person_was_approved_to_take(cast: Cast) -> None:
    rule("export_key")
    mine, person = certificate(), Actor.of(cast.operator)
    token, _ = create_token(actor=SYSTEM, owner=cast.operator, name="t", scopes=["operate"])
    program = Actor.of(cast.operator, token)

    def export(actor: Actor) -> Approval:
        return waits(
            lambda: certificates.load_bundle(actor=actor, certificate=mine, include_private=True)
        )

    asked = export(person)
    approve(decider(), asked)
    assert export(program) != asked
    assert state(asked) == "approved"


def test_nobody_changes_what_he_gave_as_reason_after_somebody_has_approved(cast: Cast) -> None:
    rule(required=2)
    approval = revocation(cast.operator, certificate())
    asker = Actor.of(cast.operator)
    approvals.give_reason(actor=asker, approval=approval, reason="The key was stolen.")
    approve(decider(), approval)
    with pytest.raises(Conflict) as error:
        approvals.give_reason(actor=asker, approval=approval, reason="For fun.")
    assert error.value.code == "approval.ended"
    assert Approval.objects.get(pk=approval.pk).reason == "The key was stolen."


def test_no_password_is_set_of_who_has_risen_meanwhile(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = permit(cast.outsider, "view_user", "administer_user")
    target = User.objects.create_user("mallory")

    def rise(*_: object) -> Permit:
        User.objects.filter(pk=target.pk).update(is_superuser=True)
        return Permit()

    monkeypatch.setattr(people, "ask_for_password", rise)
    with pytest.raises(AccessDenied):
        services.set_password(actor=clerk, user=target, password="a password of mine")
    assert not User.objects.get(pk=target.pk).has_usable_password()


@pytest.mark.parametrize("how", ["made", "rotated by itself"])
def test_nobody_approves_of_what_his_token_asked_by_giving_up_its_account(
    cast: Cast, how: str
) -> None:
    rule()
    anna, mine = decider(), certificate()
    account = services.create_service_account(actor=SYSTEM, name="ci")
    for verb in ("view", "administer"):
        assign_perm(f"access.{verb}_serviceaccount", anna, account)
    for verb in ("view", "revoke"):
        for user in (anna, account.user):
            assign_perm(f"certificates.{verb}_certificate", user, mine)
    maker = Actor.of(anna)
    token, _ = create_token(actor=maker, owner=account.user, name="t", scopes=["admin"])
    if how != "made":
        token, _ = services.rotate_token(actor=Actor.of(account.user, token), token=token)
    asked = Actor.of(account.user, token)
    approval = waits(lambda: certificates.revoke_certificate(actor=asked, certificate=mine))
    services.set_grants(actor=maker, subject=anna, target=account, verbs=[])
    with pytest.raises(CertMateError) as error:
        approve(User.objects.get(pk=anna.pk), approval)
    assert error.value.code == "approval.own"


def test_a_group_under_another_name_makes_no_administrator_without_approval(cast: Cast) -> None:
    rule("administer")
    shadow = Group.objects.create(name="shadow")
    shadow.permissions.add(Permission.objects.get(codename="administer_user"))
    owner = Actor.of(cast.owner)
    waits(lambda: services.set_groups(actor=owner, user=cast.outsider, groups=[shadow]))
    cast.auditor.user_permissions.add(Permission.objects.get(codename="administer_group"))
    waits(
        lambda: services.set_password(actor=owner, user=cast.auditor, password="some words of mine")
    )
