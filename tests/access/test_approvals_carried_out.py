"""An approved request is carried out exactly, once, by whoever asked, or not at all."""

from functools import partial
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError

from certificates import services
from certificates.models import Certificate, Order
from certificates.services import CertificateRequest
from certmate.access.actors import Actor
from certmate.access.models import Approval
from certmate.access.services import approvals, create_token, revoke_token
from certmate.access.services.approvals import ApprovalNeeded
from certmate.access.services.approvals.operations import OPERATIONS, Operation
from certmate.core import jobs
from certmate.core.errors import Conflict, UpstreamUnavailable
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


def carried_out(approval: Approval) -> Approval:
    """Approve, carry out, and say how it ended."""
    approve(decider(), approval)
    approvals.carry_out(approval.pk)
    return Approval.objects.get(pk=approval.pk)


def ended(approval: Approval, state: str, code: str = "") -> None:
    assert (approval.state, approval.error_code) == (state, code)


def test_delivery_five_times_places_one_order(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    approve(decider(), approval)
    for _ in range(5):
        approvals.carry_out(approval.pk)
    assert Order.objects.count() == 1


def test_a_message_that_was_lost_is_made_up_for_once(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(
        "certmate.access.services.approvals.carrying.enqueue", lambda *args: sent.append(args)
    )
    rule()
    approval = revocation(cast.operator, certificate())
    approve(decider(), approval)
    assert approvals.sweep() == 1
    assert sent == [("access.carry_out", approval.pk)]
    approvals.carry_out(approval.pk)
    assert approvals.sweep() == 0


def test_the_last_approval_wakes_a_worker_after_commit(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(jobs, "enqueue", lambda *args: sent.append(args))
    rule()
    approval = revocation(cast.operator, certificate())
    with django_capture_on_commit_callbacks(execute=True):
        approve(decider(), approval)
    assert sent == [("access.carry_out", approval.pk)]


def test_the_requester_has_lost_his_right_meanwhile(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    cast.operator.user_permissions.remove(Permission.objects.get(codename="revoke_certificate"))
    ended(carried_out(approval), "failed", "access.denied")
    assert not Order.objects.exists()


def test_the_requester_was_deactivated_or_deleted_meanwhile(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    cast.operator.delete()
    ended(carried_out(approval), "failed", "request.not_found")
    assert not Order.objects.exists()


@pytest.mark.parametrize("how", ["revoked", "deleted"])
def test_the_token_that_asked_is_gone_meanwhile(cast: Cast, how: str) -> None:
    rule()
    token, _ = create_token(actor=SYSTEM, owner=cast.operator, name="t", scopes=["operate"])
    actor, mine = Actor.of(cast.operator, token), certificate()
    approval = waits(lambda: services.revoke_certificate(actor=actor, certificate=mine))
    if how == "revoked":
        revoke_token(actor=Actor.of(cast.operator), token=token)
    else:
        token.delete()
    ended(carried_out(approval), "failed", "request.not_found")
    assert not Order.objects.exists()


def test_the_current_version_is_another_one_by_now(cast: Cast) -> None:
    rule()
    mine = certificate()
    approval = revocation(cast.operator, mine)
    factories.version(mine, 2)
    assert carried_out(approval).state == "carried_out"
    assert Order.objects.get().version.number == 1  # type: ignore[union-attr]


def test_what_would_mean_something_else_by_now_is_not_done(cast: Cast) -> None:
    rule("renew")
    mine = certificate()
    actor = Actor.of(cast.operator)
    approval = waits(lambda: services.renew_certificate(actor=actor, certificate=mine))
    Certificate.objects.filter(pk=mine.pk).update(names=["other.example.test"])
    ended(carried_out(approval), "failed", "approval.changed")
    assert not Order.objects.exists()


def test_params_that_were_tampered_with_are_not_carried_out(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    tampered = approval.params.replace("unspecified", "keyCompromise")
    Approval.objects.update(params=tampered)
    ended(carried_out(approval), "failed", "approval.changed")


def test_the_object_is_gone_by_now(cast: Cast) -> None:
    rule()
    mine = certificate()
    approval = revocation(cast.operator, mine)
    Certificate.objects.update(current_version=None)
    mine.delete()
    ended(carried_out(approval), "failed", "approval.target")


def test_a_reissue_is_what_was_approved_and_nothing_else(cast: Cast) -> None:
    rule("renew")
    mine = certificate()
    actor = Actor.of(cast.operator)

    def reissue(name: str) -> object:
        request = CertificateRequest(san_domains=[name])
        return services.reissue_certificate(actor=actor, certificate=mine, request=request)

    approval = waits(lambda: reissue("a.example.test"))
    assert carried_out(approval).state == "carried_out"
    order = Order.objects.get()
    assert order.names == ["www.example.test", "a.example.test"]
    with pytest.raises(ApprovalNeeded):
        reissue("b.example.test")


@pytest.mark.parametrize("about", ["everywhere", "the new account"])
def test_what_needs_approval_is_not_got_by_a_reissue(cast: Cast, about: str) -> None:
    mine, corp = certificate(), factories.ca_account("corp")
    kind = ContentType.objects.get_for_model(corp)
    target = {"target_type": kind, "target_pk": str(corp.pk)}
    rule("add", **(target if about == "the new account" else {}))
    actor, request = Actor.of(cast.operator), CertificateRequest(ca="corp")
    again = partial(services.reissue_certificate, actor=actor, certificate=mine, request=request)
    assert carried_out(waits(again)).state == "carried_out"
    assert Order.objects.get().ca_account == corp


def test_an_approved_deletion_deletes(cast: Cast) -> None:
    rule("delete")
    mine = certificate(name="old.example.test")
    actor = Actor.of(cast.owner)
    approval = waits(lambda: services.delete_certificate(actor=actor, certificate=mine, force=True))
    assert carried_out(approval).state == "carried_out"
    assert not Certificate.objects.exists()


def test_a_failure_uses_up_nothing_and_is_told(cast: Cast) -> None:
    rule()
    mine = certificate()
    approval = revocation(cast.operator, mine)
    factories.order(mine, "renew")
    ended(carried_out(approval), "failed", "order.open")
    last = LogEntry.objects.filter(content_type__model="approval").latest("id")
    assert last.additional_data["event"] == "approval.failed"


@pytest.mark.parametrize(
    "away", [UpstreamUnavailable("Away."), OperationalError("locked")], ids=["upstream", "database"]
)
def test_what_may_go_well_later_stays_approved(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, away: Exception
) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    approve(decider(), approval)

    def fail(*_: object) -> None:
        raise away

    known = OPERATIONS["certificates.revoke"]
    broken = Operation(known.key, known.label, known.model, known.verb, fail)
    monkeypatch.setitem(OPERATIONS, known.key, broken)
    approvals.carry_out(approval.pk)
    assert state(approval) == "approved"
    monkeypatch.setitem(OPERATIONS, known.key, known)
    approvals.carry_out(approval.pk)
    assert state(approval) == "carried_out"


@pytest.mark.parametrize("fault", ["raises", "forgets its permit"])
def test_a_fault_of_ours_ends_the_request(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    rule()
    approval = revocation(cast.operator, certificate())

    def work(*_: object) -> None:
        if fault == "raises":
            raise RuntimeError("bug")

    known = OPERATIONS["certificates.revoke"]
    broken = Operation(known.key, known.label, known.model, known.verb, work)
    monkeypatch.setitem(OPERATIONS, known.key, broken)
    assert carried_out(approval).error_code.startswith("internal")


def test_an_approval_is_used_up_with_its_change_or_not_at_all(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    approve(decider(), approval)

    def late(*_: object, **__: object) -> None:
        raise Conflict("Too late.")

    monkeypatch.setattr(approvals.Permit, "use", late)
    approvals.carry_out(approval.pk)
    assert not Order.objects.exists()


def test_the_audit_log_has_the_change_as_done_by_whoever_asked(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    carried_out(approval)
    entry = LogEntry.objects.filter(content_type__model="certificate").latest("id")
    assert entry.actor == cast.operator
    assert entry.cid == f"approval-{approval.pk}"
