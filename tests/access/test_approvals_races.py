"""Two act on one request at the same moment, with transactions of their own: one of them wins."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from certificates import services
from certificates.models import Order
from certmate.access.actors import Actor
from certmate.access.models import Approval
from certmate.access.services import approvals, set_groups
from certmate.access.services.approvals import Permit
from certmate.core.errors import CertMateError, Conflict
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

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls: Callable[[], object]) -> list[str]:
    """Let all begin together; "" for each that went well, else the code of its refusal."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> str:
        try:
            start.wait()
            call()
        except CertMateError as error:
            return error.code
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.fixture
def approval(cast: Cast) -> Approval:
    rule()
    return revocation(cast.operator, certificate())


def test_two_approvals_at_once_have_it_carried_out_once(cast: Cast) -> None:
    rule(required=2)
    approval = revocation(cast.operator, certificate())
    people = [decider("anna"), decider("boris")]
    assert at_once(*(lambda who=who: approve(who, approval) for who in people)) == ["", ""]
    assert state(approval) == "approved"
    at_once(*(lambda: approvals.carry_out(approval.pk) for _ in range(3)))
    assert state(approval) == "carried_out"
    assert Order.objects.count() == 1


def test_a_third_approval_at_once_changes_nothing(approval: Approval) -> None:
    people = [decider(name) for name in ("anna", "boris", "carla")]
    found = at_once(*(lambda who=who: approve(who, approval) for who in people))
    assert sorted(found) == ["", "approval.ended", "approval.ended"]
    assert approval.votes.count() == 1


def test_one_person_approves_twice_at_once(cast: Cast) -> None:
    rule(required=2)
    approval = revocation(cast.operator, certificate())
    anna = decider()
    found = at_once(*(lambda: approve(anna, approval) for _ in range(2)))
    assert sorted(found) == ["", "approval.voted"]
    assert state(approval) == "pending"


def test_approve_against_reject(approval: Approval) -> None:
    anna, boris = decider("anna"), decider("boris")

    def reject() -> object:
        return approvals.reject_request(actor=Actor.of(boris), approval=approval, reason="No.")

    found = at_once(lambda: approve(anna, approval), reject)
    assert sorted(found) == ["", "approval.ended"]
    assert state(approval) == ("approved" if found[0] == "" else "rejected")
    assert approval.votes.count() == 1


def test_cancel_against_carry_out(cast: Cast, approval: Approval) -> None:
    approve(decider(), approval)

    def cancel() -> object:
        return approvals.cancel_request(actor=Actor.of(cast.operator), approval=approval)

    found = at_once(cancel, lambda: approvals.carry_out(approval.pk))
    was_cancelled = found[0] == ""
    assert state(approval) == ("cancelled" if was_cancelled else "carried_out")
    assert Order.objects.count() == (0 if was_cancelled else 1)


def test_two_use_one_approval_and_one_of_them_changes_something(approval: Approval) -> None:
    approve(decider(), approval)
    done: list[int] = []

    def use(number: int) -> None:
        with transaction.atomic():
            Permit(approval).use()
            Group.objects.create(name=f"made by {number}")
            done.append(number)

    found = at_once(lambda: use(1), lambda: use(2))
    assert sorted(found) == ["", "approval.ended"]
    assert Group.objects.filter(name__startswith="made by").count() == len(done) == 1


def test_the_same_call_twice_at_once_is_one_request(cast: Cast) -> None:
    rule()
    mine = certificate()

    def ask() -> object:
        actor = Actor.of(User.objects.get(pk=cast.operator.pk))
        return services.revoke_certificate(actor=actor, certificate=mine)

    assert at_once(ask, ask, ask) == ["approval.needed"] * 3
    assert Approval.objects.count() == 1


def test_a_role_that_is_lost_while_it_is_carried_out_stops_it(
    cast: Cast, approval: Approval, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = decider()
    approve(anna, approval)
    use = Permit.use

    def lose(permit: Permit, result: object = "") -> None:
        anna.groups.clear()
        use(permit, result)

    monkeypatch.setattr(Permit, "use", lose)
    approvals.carry_out(approval.pk)
    assert not Order.objects.exists()
    assert state(approval) == "pending"


def test_removal_from_the_role_while_voting(cast: Cast, approval: Approval) -> None:
    anna = decider()
    at_once(
        lambda: approve(User.objects.get(pk=anna.pk), approval),
        lambda: set_groups(actor=SYSTEM, user=anna, groups=[]),
    )
    approvals.carry_out(approval.pk)
    assert state(approval) == "pending"
    assert not Order.objects.exists()


def test_a_worker_killed_before_the_commit_leaves_the_approval_for_the_sweep(
    approval: Approval, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As abrupt as SIGKILL: nothing of ours catches it."""

    use = Permit.use

    def killed(permit: Permit, result: object = "") -> None:
        use(permit, result)
        raise Killed

    sent: list[Any] = []
    monkeypatch.setattr(
        "certmate.access.services.approvals.carrying.enqueue", lambda *args: sent.append(args)
    )
    approve(decider(), approval)
    monkeypatch.setattr(Permit, "use", killed)
    with pytest.raises(Killed):
        approvals.carry_out(approval.pk)
    monkeypatch.setattr(Permit, "use", use)
    assert state(approval) == "approved"
    assert not Order.objects.exists()
    approvals.sweep()
    assert sent == [("access.carry_out", approval.pk)]
    approvals.carry_out(approval.pk)
    approvals.carry_out(approval.pk)
    assert Order.objects.count() == 1


def test_a_request_outlasts_the_error_that_tells_of_it(cast: Cast) -> None:
    rule()
    mine = certificate()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        services.revoke_certificate(actor=Actor.of(cast.operator), certificate=mine)
    assert not Approval.objects.exists()
    revocation(cast.operator, mine)
    assert Approval.objects.count() == 1


def test_a_permit_is_used_in_a_transaction_only(approval: Approval) -> None:
    approve(decider(), approval)
    with pytest.raises(CertMateError) as error:
        Permit(approval).use()
    assert error.value.code == "internal.integrity"
    approval.votes.all().delete()
    with pytest.raises(Conflict), transaction.atomic():
        Permit(approval).use()
