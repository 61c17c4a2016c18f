"""Approved calls that are made again by whoever asked, and who is asked at all."""

import pytest

from certificates import services
from certificates.models import Certificate, Order
from certificates.sweeps import renew_due
from certmate.access.actors import Actor
from certmate.access.models import Approval, ApprovalRule
from certmate.access.services import approvals
from certmate.access.services.approvals import ApprovalNeeded
from certmate.core import clock
from certmate.pki.bundle import Bundle
from storage import services as storage
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


def test_the_requester_who_repeats_an_approved_call_does_it_himself(cast: Cast) -> None:
    rule()
    mine = certificate()
    approval = revocation(cast.operator, mine)
    approve(decider(), approval)
    services.revoke_certificate(actor=Actor.of(cast.operator), certificate=mine)
    approvals.carry_out(approval.pk)
    assert state(approval) == "carried_out"
    assert Order.objects.count() == 1


def test_somebody_elses_approval_is_not_mine(cast: Cast) -> None:
    rule()
    mine = certificate()
    approve(decider(), revocation(cast.operator, mine))
    with pytest.raises(ApprovalNeeded):
        services.revoke_certificate(actor=Actor.of(cast.owner), certificate=mine)


def test_a_key_export_is_a_ticket_for_one_time(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Bundle(cert="c", chain="", privkey="k", metadata={})
    monkeypatch.setattr(storage, "load", lambda **_: bundle)
    rule("export_key")
    mine = certificate()

    def export() -> Bundle:
        actor = Actor.of(cast.operator)
        return services.load_bundle(actor=actor, certificate=mine, include_private=True)

    approval = waits(export)
    assert waits(export) == approval
    approve(decider(), approval)
    approvals.carry_out(approval.pk)
    assert state(approval) == "approved"
    assert export().privkey == "k"
    assert state(approval) == "carried_out"
    assert waits(export) != approval


def test_a_ticket_is_worth_nothing_once_it_has_expired(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule("export_key")
    mine = certificate()

    def export() -> object:
        actor = Actor.of(cast.operator)
        return services.load_bundle(actor=actor, certificate=mine, include_private=True)

    approval = waits(export)
    approve(decider(), approval)
    late = Approval.objects.get().expires_at
    monkeypatch.setattr(clock, "now", lambda: late)
    assert waits(export) != approval
    assert state(approval) == "expired"


def test_the_schedule_renews_without_asking_and_a_command_asks(cast: Cast) -> None:
    rule("renew")
    mine = certificate()
    approval = waits(lambda: services.renew_certificate(actor=SYSTEM, certificate=mine))
    assert approval.requested_by is None
    Certificate.objects.update(renew_at=clock.now())
    assert renew_due() == 1
    assert Order.objects.get().by_system
    Order.objects.all().delete()
    approve(decider(), approval)
    approvals.carry_out(approval.pk)
    assert state(approval) == "carried_out"
    assert Order.objects.get().by_system


def test_no_rule_any_more_and_still_exactly_once(cast: Cast) -> None:
    rule()
    mine = certificate()
    approval = revocation(cast.operator, mine)
    approve(decider(), approval)
    ApprovalRule.objects.all().delete()
    services.revoke_certificate(actor=Actor.of(cast.operator), certificate=mine)
    approvals.carry_out(approval.pk)
    assert state(approval) == "carried_out"
    assert Order.objects.count() == 1
