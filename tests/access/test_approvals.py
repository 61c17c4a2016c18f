"""Four eyes: what waits, who decides, and what a decision is worth."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, Permission, User

from certificates import services
from certificates.models import Order
from certmate.access.actors import Actor
from certmate.access.models import Approval, ServiceAccount, Vote
from certmate.access.services import approvals, create_token
from certmate.core import clock
from certmate.core.errors import AccessDenied, CertMateError, Conflict, InvalidRequest, NotFound
from tests.access.four_eyes import (
    SYSTEM,
    approve,
    certificate,
    decider,
    revocation,
    rule,
    state,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def events(approval: Approval) -> list[str]:
    rows = LogEntry.objects.filter(content_type__model="approval", object_pk=str(approval.pk))
    return [row.additional_data["event"] for row in rows.order_by("id")]


def refused(user: User, approval: Approval, code: str) -> None:
    with pytest.raises(CertMateError) as error:
        approve(user, approval)
    assert error.value.code == code


def test_without_a_rule_nothing_waits(cast: Cast) -> None:
    rule("renew")
    rule("revoke", is_enabled=False)
    order = services.revoke_certificate(actor=Actor.of(cast.operator), certificate=certificate())
    assert order.kind == "revoke"
    assert not Approval.objects.exists()


def test_what_is_approved_is_carried_out_as_whoever_asked(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate(), reason="keyCompromise")
    assert not Order.objects.exists()
    approve(decider(), approval)
    assert state(approval) == "approved"
    approvals.carry_out(approval.pk)
    order = Order.objects.get()
    assert (order.requested_by, order.reason) == (cast.operator, "keyCompromise")
    approval.refresh_from_db()
    assert (approval.state, approval.result) == ("carried_out", str(order))
    assert events(approval) == [
        "approval.requested",
        "approval.approved",
        "approval.granted",
        "approval.carried_out",
    ]


def test_the_same_call_is_one_request(cast: Cast) -> None:
    rule()
    mine = certificate()
    first, again = revocation(cast.operator, mine), revocation(cast.operator, mine)
    other = revocation(cast.operator, mine, reason="superseded")
    assert first == again
    assert other != first
    assert revocation(cast.owner, mine) not in (first, other)


def test_nobody_approves_of_his_own_request(cast: Cast) -> None:
    rule()
    anna = decider()
    anna.user_permissions.add(Permission.objects.get(codename="revoke_certificate"))
    approval = revocation(anna, certificate())
    refused(anna, approval, "approval.own")


def test_only_members_of_the_role_decide(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    refused(cast.owner, approval, "approval.role")
    with pytest.raises(NotFound):
        approve(cast.outsider, approval)
    with pytest.raises(NotFound):
        approve(cast.auditor, approval)


def test_who_left_the_role_decides_no_more(cast: Cast) -> None:
    rule()
    anna = decider()
    approval = revocation(cast.operator, certificate())
    anna.groups.clear()
    with pytest.raises(NotFound):
        approve(User.objects.get(pk=anna.pk), approval)


def test_programs_decide_nothing(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    program = decider("ci")
    ServiceAccount.objects.create(user=program)
    refused(program, approval, "approval.person")
    with pytest.raises(AccessDenied):
        approvals.approve_request(actor=SYSTEM, approval=approval)


@pytest.mark.parametrize("scope", ["read", "operate", "admin"])
def test_a_token_decides_nothing_because_another_may_have_made_it(cast: Cast, scope: str) -> None:
    rule()
    anna = decider()
    approval = revocation(cast.operator, certificate())
    token, _ = create_token(actor=SYSTEM, owner=anna, name="t", scopes=[scope])
    with pytest.raises(AccessDenied):
        approvals.approve_request(actor=Actor.of(anna, token), approval=approval)
    assert not approvals.may_decide(Actor.of(anna, token), approval)


def test_nobody_decides_for_a_service_account_that_he_could_act_for(cast: Cast) -> None:
    rule()
    program = User.objects.create_user("ci")
    account = ServiceAccount.objects.create(user=program)
    program.user_permissions.add(Permission.objects.get(codename="revoke_certificate"))
    anna, boris = decider(), decider("boris")
    rights = Permission.objects.filter(codename="administer_serviceaccount")
    anna.user_permissions.add(*rights)
    assert account.pk
    approval = revocation(program, certificate())
    refused(User.objects.get(pk=anna.pk), approval, "approval.own")
    approve(boris, approval)
    assert state(approval) == "approved"


def test_as_many_as_the_rule_says_and_each_once(cast: Cast) -> None:
    rule(required=2)
    anna, boris = decider(), decider("boris")
    approval = revocation(cast.operator, certificate())
    approve(anna, approval)
    refused(anna, approval, "approval.voted")
    assert state(approval) == "pending"
    approve(boris, approval)
    assert state(approval) == "approved"


def test_every_rule_that_matches_has_to_be_satisfied(cast: Cast) -> None:
    security = Group.objects.create(name="security")
    rule()
    rule(role=security)
    anna, carla = decider(), decider("carla", "security")
    approval = revocation(cast.operator, certificate())
    approve(anna, approval)
    assert state(approval) == "pending"
    approve(carla, approval)
    assert state(approval) == "approved"


def test_a_vote_counts_only_while_the_voter_is_a_member(cast: Cast) -> None:
    rule(required=2)
    anna, boris = decider(), decider("boris")
    approval = revocation(cast.operator, certificate())
    approve(anna, approval)
    anna.groups.clear()
    approve(boris, approval)
    assert state(approval) == "pending"
    approve(decider("carla"), approval)
    assert state(approval) == "approved"
    User.objects.filter(pk=boris.pk).update(is_active=False)
    approvals.carry_out(approval.pk)
    assert state(approval) == "pending"
    assert not Order.objects.exists()
    approve(decider("dora"), approval)
    approvals.carry_out(approval.pk)
    assert state(approval) == "carried_out"


def test_one_rejection_with_a_reason_ends_it(cast: Cast) -> None:
    rule(required=2)
    anna, boris = decider(), decider("boris")
    approval = revocation(cast.operator, certificate())
    approve(anna, approval)
    with pytest.raises(InvalidRequest) as error:
        approvals.reject_request(actor=Actor.of(boris), approval=approval, reason=" ")
    assert error.value.code == "approval.reason"
    approvals.reject_request(actor=Actor.of(boris), approval=approval, reason="Not today.")
    assert state(approval) == "rejected"
    assert Vote.objects.get(user=boris).reason == "Not today."
    refused(decider("carla"), approval, "approval.ended")
    approvals.carry_out(approval.pk)
    assert not Order.objects.exists()


def test_a_request_expires(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    rule(valid_for=timedelta(hours=1))
    mine = certificate()
    approval = revocation(cast.operator, mine)
    late = clock.now() + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: late)
    refused(decider(), approval, "approval.expired")
    assert revocation(cast.operator, mine) != approval
    assert state(approval) == "expired"
    other = revocation(cast.operator, mine, reason="superseded")
    later = late + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    approvals.sweep()
    assert state(other) == "expired"
    assert events(other)[-1] == "approval.expired"


def test_the_requester_takes_it_back_and_nobody_else_does(cast: Cast) -> None:
    rule()
    anna = decider()
    approval = revocation(cast.operator, certificate())
    with pytest.raises(AccessDenied):
        approvals.cancel_request(actor=Actor.of(anna), approval=approval)
    approve(anna, approval)
    approvals.cancel_request(actor=Actor.of(cast.operator), approval=approval)
    approvals.carry_out(approval.pk)
    assert state(approval) == "cancelled"
    assert not Order.objects.exists()
    with pytest.raises(Conflict) as error:
        approvals.cancel_request(actor=Actor.of(cast.operator), approval=approval)
    assert error.value.code == "approval.ended"


def test_the_requester_explains_himself_until_it_is_decided(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    actor = Actor.of(cast.operator)
    approvals.give_reason(actor=actor, approval=approval, reason="The key leaked.")
    assert Approval.objects.get().reason == "The key leaked."
    approve(decider(), approval)
    with pytest.raises(Conflict):
        approvals.give_reason(actor=actor, approval=approval, reason="No, it did not.")
