"""A right that goes while an order waits: the CA is not asked, and what it has given is kept."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from guardian.models import GroupObjectPermission
from guardian.shortcuts import assign_perm

from certificates import execution, services
from certificates.choices import OrderKind, OrderState
from certificates.models import Certificate, Order, Version
from certificates.services import CertificateRequest, placing
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.access.verbs import Verb
from certmate.audit import services as audit
from certmate.audit.context import Context, running
from certmate.core.errors import AccessDenied, NotFound, UpstreamUnavailable
from providers import issuers
from storage import services as storage
from storage.models import StoredBundle
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast, token_for
from tests.certificates.losses import CA, LOSSES, OF_TOKENS, deactivate, delete, leave_the_group

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ca(monkeypatch: pytest.MonkeyPatch) -> CA:
    made = CA()
    monkeypatch.setattr(issuers, "issue", made.issue)
    monkeypatch.setattr(issuers, "revoke", made.revoke)
    return made


@pytest.fixture
def team(cast: Cast) -> Team:
    """The outsider is in a group that may do everything to what the team owns."""
    team = Team.objects.create(name="shop")
    people = Group.objects.create(name="shop people")
    people.user_set.add(cast.outsider)
    for verb in Verb:
        assign_perm(f"access.{verb}_under_team", people, team)
    account = factories.ca_account("shop-ca", team=team)
    target = factories.storage_target("shop-store", team=team)
    made = factories.certificate(
        team=team, ca_account=account, storage_target=target, challenge_type="http-01"
    )
    factories.version(made)
    return team


def member(user: User, *, by_token: bool = False) -> Actor:
    fresh = User.objects.get(pk=user.pk)
    token_for(fresh, "operate")
    return Actor.of(fresh, ApiToken.objects.latest("id") if by_token else None)


def order(user: User, *, by_token: bool = False) -> Order:
    """A renewal that waits for a worker."""
    actor = member(user, by_token=by_token)
    return services.renew_certificate(actor=actor, certificate=Certificate.objects.get())


def run(placed: Order) -> Order:
    execution.run_order(placed.pk)
    return Order.objects.get(pk=placed.pk)


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("by_token", [False, True])
def test_an_order_of_who_lost_the_right_fails_and_the_ca_is_not_asked(
    cast: Cast, team: Team, ca: CA, lose: Callable[[User], None], by_token: bool
) -> None:
    placed = order(cast.outsider, by_token=by_token)
    lose(cast.outsider)
    failed = run(placed)
    assert (failed.state, failed.error_code) == (OrderState.FAILED, "access.withdrawn")
    assert ca.asked == []
    assert Version.objects.count() == 1


@pytest.mark.parametrize("lose", OF_TOKENS)
def test_an_order_of_a_token_ends_with_the_token(
    cast: Cast, team: Team, ca: CA, lose: Callable[[User], None]
) -> None:
    placed = order(cast.outsider, by_token=True)
    lose(cast.outsider)
    assert run(placed).error_code == "access.withdrawn"
    assert ca.asked == []


@pytest.mark.parametrize("lose", OF_TOKENS)
def test_an_order_of_a_session_does_not_end_with_a_token(
    cast: Cast, team: Team, ca: CA, lose: Callable[[User], None]
) -> None:
    placed = order(cast.outsider)
    lose(cast.outsider)
    assert run(placed).state == OrderState.SUCCEEDED


def test_a_token_that_is_deleted_leaves_its_order_to_what_its_owner_may(
    cast: Cast, team: Team, ca: CA
) -> None:
    placed = order(cast.outsider, by_token=True)
    ApiToken.objects.all().delete()
    leave_the_group(cast.outsider)
    assert run(placed).error_code == "access.withdrawn"
    assert ca.asked == []


def test_a_revocation_of_who_lost_the_right_does_not_reach_the_ca(
    cast: Cast, team: Team, ca: CA
) -> None:
    placed = services.revoke_certificate(
        actor=member(cast.outsider), certificate=Certificate.objects.get()
    )
    leave_the_group(cast.outsider)
    assert run(placed).error_code == "access.withdrawn"
    assert ca.asked == []
    assert Version.objects.get().revoked_at is None


def test_a_reissue_does_not_go_through_an_account_that_was_taken_away(
    cast: Cast, team: Team, ca: CA
) -> None:
    """Renewing is still permitted; asking for another certificate is not."""
    request = CertificateRequest(key_type="ec384")
    placed = services.reissue_certificate(
        actor=member(cast.outsider), certificate=Certificate.objects.get(), request=request
    )
    GroupObjectPermission.objects.filter(permission__codename="add_under_team").delete()
    assert run(placed).error_code == "access.withdrawn"
    assert ca.asked == []


def test_the_schedules_orders_need_nobody(cast: Cast, team: Team, ca: CA) -> None:
    placed = services.renew_certificate(actor=Actor.system(), certificate=Certificate.objects.get())
    for lose in LOSSES[:2]:
        lose(cast.outsider)
    assert run(placed).state == OrderState.SUCCEEDED


def test_an_order_of_somebody_deleted_does_not_pass_for_the_schedules(
    cast: Cast, team: Team, ca: CA
) -> None:
    placed = order(cast.outsider)
    delete(cast.outsider)
    placed.refresh_from_db()
    assert placed.requested_by is None
    assert not placed.by_system


def elsewhere(lose: Callable[[User], None], user: User) -> None:
    """In another request than the worker's task."""
    with running(Context(request_id="of the admin")):
        lose(user)


@pytest.mark.parametrize("lose", LOSSES)
def test_what_the_ca_has_issued_is_stored_whoever_lost_which_right(
    cast: Cast, team: Team, ca: CA, lose: Callable[[User], None]
) -> None:
    placed = order(cast.outsider)
    ca.meanwhile = lambda: elsewhere(lose, cast.outsider)
    done = run(placed)
    assert done.state == OrderState.SUCCEEDED, done.error_detail
    assert StoredBundle.objects.filter(is_current=True).count() == 1
    assert Certificate.objects.get().current_version == Version.objects.get(order=placed)


def test_what_the_ca_has_issued_is_stored_by_a_later_attempt_too(
    cast: Cast, team: Team, ca: CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The storage was away, and before it came back so was the right."""
    placed = order(cast.outsider)
    with monkeypatch.context() as broken:
        broken.setattr(storage, "store", unavailable)
        assert run(placed).state == OrderState.WAITING
    leave_the_group(cast.outsider)
    Order.objects.update(next_attempt_at=timezone.now())
    assert run(placed).state == OrderState.SUCCEEDED
    assert ca.asked == ["issue"]


def unavailable(**_: Any) -> None:
    raise UpstreamUnavailable("Away.", code="storage.unavailable")


def test_a_retry_carries_it_out_for_who_retries_and_not_for_who_asked(
    cast: Cast, team: Team, ca: CA
) -> None:
    placed = order(cast.outsider)
    leave_the_group(cast.outsider)
    failed = run(placed)
    with pytest.raises((AccessDenied, NotFound)):
        services.retry_order(actor=member(cast.outsider), order=failed)
    services.retry_order(actor=Actor.of(cast.operator), order=failed)
    done = run(failed)
    assert (done.state, done.requested_by) == (OrderState.SUCCEEDED, cast.operator)
    assert ca.asked == ["issue"]


def test_a_retried_order_ends_with_the_right_of_who_retried(cast: Cast, team: Team, ca: CA) -> None:
    placed = order(cast.outsider)
    leave_the_group(cast.outsider)
    failed = run(placed)
    services.retry_order(actor=Actor.of(cast.operator), order=failed)
    deactivate(cast.operator)
    assert run(failed).error_code == "access.withdrawn"
    assert ca.asked == []


def test_a_group_that_goes_during_a_request_stops_what_the_request_ordered(
    cast: Cast, team: Team, ca: CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request was admitted a moment before, so it is answered; the CA hears nothing of it."""
    caller = Caller(cast.outsider, "operate")
    original = audit.record

    def slow(*args: Any, **kwargs: Any) -> None:
        leave_the_group(cast.outsider)
        original(*args, **kwargs)

    monkeypatch.setattr(placing, "record", slow)
    assert caller.post("/api/certificates/www.example.test/renew").status_code == 202
    assert run(Order.objects.get()).error_code == "access.withdrawn"
    assert ca.asked == []


def test_a_token_whose_owner_left_the_group_reaches_nothing_at_its_next_call(
    cast: Cast, team: Team
) -> None:
    caller = Caller(cast.outsider, "operate")
    assert caller.get("/api/certificates/www.example.test").status_code == 200
    leave_the_group(cast.outsider)
    problem(caller.get("/api/certificates/www.example.test"), 404, "request.not_found")
    problem(caller.post("/api/certificates/www.example.test/renew"), 404, "request.not_found")
    assert caller.get("/api/certificates").json()["results"] == []
    assert not Order.objects.exists()


def test_what_a_worker_does_is_done_in_the_name_of_who_asked(
    cast: Cast, team: Team, ca: CA
) -> None:
    from auditlog.models import LogEntry

    run(order(cast.outsider))
    told = LogEntry.objects.filter(additional_data__event="certificate.renewed").get()
    assert told.actor == cast.outsider


@pytest.mark.parametrize("kind", [OrderKind.ISSUE, OrderKind.RENEW])
def test_who_may_renew_but_not_request_finishes_only_what_he_could_have_ordered(
    cast: Cast, team: Team, ca: CA, kind: OrderKind
) -> None:
    """A first issuance is a request; whoever may renew what is there may retry it all the same."""
    placed = factories.order(
        Certificate.objects.get(), kind, requested_by=cast.outsider, challenge_type="http-01"
    )
    GroupObjectPermission.objects.filter(permission__codename="add_under_team").delete()
    assert run(placed).state == OrderState.SUCCEEDED
    GroupObjectPermission.objects.filter(permission__codename="renew_under_team").delete()
    again = factories.order(Certificate.objects.get(), kind, requested_by=cast.outsider)
    assert run(again).error_code == "access.withdrawn"
