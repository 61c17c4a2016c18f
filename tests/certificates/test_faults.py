"""What is left when something dies, fills up or is lost; and that the order ends well all the
same.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection

from certificates import services, sweeps
from certificates.models import Certificate, Order, OrderKey, Version
from certmate.access.actors import Actor
from certmate.core import clock, renewal
from certmate.core.errors import UpstreamRejected, UpstreamUnavailable
from certmate.pki import bundle as bundles
from providers import issuers
from storage import services as storage
from tests import factories
from tests.certificates import crashing_worker
from tests.certificates.conftest import World, run

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system()


def kill_at(place: str, order: Order) -> None:
    """Run the order in a process of its own that is killed at that place."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "CERTMATE_TEST_DATA_DIR": str(settings.DATA_DIR),
        "CERTMATE_TEST_DATABASE_URL": database_url(),
    }
    command = [sys.executable, "-m", crashing_worker.__name__, str(order.pk), place]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def database_url() -> str:
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    # The folder of the socket, which the parser of the URL takes for an option.
    host = given["HOST"] or given["OPTIONS"]["host"]
    return f"postgresql://{given['USER']}@/{given['NAME']}?host={host}"


def take_over(order: Order) -> Order:
    """What happens when the lease of a dead worker has run out: the sweep finds it, another worker
    runs it.
    """
    assert run(order).state == "running", "while the lease lasts nobody else may take it"
    Order.objects.filter(pk=order.pk).update(lease_expires_at=clock.now())
    assert order.pk in Order.objects.claimable(clock.now()).values_list("pk", flat=True)
    return run(order)


@pytest.mark.integration
@pytest.mark.parametrize("place", crashing_worker.PLACES)
def test_a_worker_killed_anywhere_leaves_an_order_that_ends_well(world: World, place: str) -> None:
    certificate, order = world.order("crash.example.test", "*.crash.example.test")
    issued_before = world.ca.issued()
    kill_at(place, order)
    finished = take_over(order)
    assert finished.state == "succeeded", finished.error_detail
    certificate.refresh_from_db()
    assert Version.objects.get().pk == certificate.current_version_id
    bundles.check(services.load_bundle(actor=SYSTEM, certificate=certificate, include_private=True))
    assert not OrderKey.objects.exists()
    assert world.ca.issued() - issued_before == 1, (
        "the CA is not asked a second time for what it has issued"
    )


@pytest.mark.integration
def test_storage_that_fails_makes_the_order_wait_and_not_ask_the_ca_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: Any) -> None:
        raise UpstreamUnavailable("No space left on device.", code="storage.unavailable")

    _, order = world.order("full.example.test")
    issued_before = world.ca.issued()
    with monkeypatch.context() as patched:
        patched.setattr(storage, "store", full)
        waiting = run(order)
    assert (waiting.state, waiting.step, waiting.error_code) == (
        "waiting",
        "store",
        "storage.unavailable",
    )
    Order.objects.update(next_attempt_at=clock.now())
    assert run(order).state == "succeeded"
    assert world.ca.issued() - issued_before == 1


@pytest.mark.integration
def test_a_failed_renewal_leaves_the_old_version_current_and_readable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = world.issue("keep.example.test")
    before = services.load_bundle(actor=SYSTEM, certificate=certificate, include_private=True)
    order = services.renew_certificate(actor=SYSTEM, certificate=certificate)
    monkeypatch.setattr(
        storage, "store", refuse(UpstreamUnavailable("Away.", code="storage.unavailable"))
    )
    assert run(order).state == "waiting"
    certificate.refresh_from_db()
    assert (
        services.load_bundle(actor=SYSTEM, certificate=certificate, include_private=True).cert
        == before.cert
    )


def refuse(error: Exception) -> Callable[..., Any]:
    def function(*_: Any, **__: Any) -> Any:
        raise error

    return function


@pytest.fixture
def order(transactional_db: None) -> Order:
    factories.dns_account()
    return factories.order(factories.certificate())


def test_transient_failures_climb_the_ladder_with_jitter_and_honour_retry_after(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        issuers, "issue", refuse(UpstreamUnavailable("Away.", code="acme.unreachable"))
    )
    for step in (*renewal.RETRY_LADDER, renewal.RETRY_LADDER[-1]):
        before = clock.now()
        waiting = run(order)
        assert step <= waiting.next_attempt_at - before <= step * 1.1 + (clock.now() - before)
        Order.objects.update(next_attempt_at=clock.now())
    asked = renewal.RETRY_LADDER[-1] * 3
    monkeypatch.setattr(
        issuers,
        "issue",
        refuse(UpstreamUnavailable("Slow down.", code="acme.rate_limited", retry_after=asked)),
    )
    before = clock.now()
    assert run(order).next_attempt_at - before >= asked


def test_a_key_is_made_once_and_used_at_every_attempt(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        issuers, "issue", refuse(UpstreamUnavailable("Away.", code="acme.unreachable"))
    )
    run(order)
    first = OrderKey.objects.get()
    Order.objects.update(next_attempt_at=clock.now())
    run(order)
    assert OrderKey.objects.get().private_key == first.private_key


def test_repeated_permanent_failures_pause_the_certificate_and_one_click_resumes_it(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        issuers,
        "issue",
        refuse(UpstreamRejected("Forbidden by policy.", code="acme.rejected_identifier")),
    )
    certificate = order.certificate
    for _ in range(renewal.PAUSE_AFTER):
        assert run(Order.objects.get(pk=order.pk)).state == "failed"
        services.retry_order(actor=SYSTEM, order=order)
    certificate.refresh_from_db()
    assert certificate.paused_at
    assert "Forbidden by policy." in certificate.pause_reason
    services.cancel_order(actor=SYSTEM, order=order)
    resumed = services.resume_certificate(actor=SYSTEM, certificate=certificate)
    fresh = Certificate.objects.get(pk=certificate.pk)
    assert (fresh.paused_at, fresh.failures, resumed.state) == (None, 0, "queued")


def test_a_paused_certificate_is_not_renewed_by_the_schedule(transactional_db: None) -> None:
    certificate = factories.certificate(challenge_type="http-01")
    factories.version(certificate)
    now = clock.now()
    Certificate.objects.update(renew_at=now, paused_at=now)
    assert sweeps.renew_due() == 0
    Certificate.objects.update(paused_at=None)
    assert sweeps.renew_due() == 1


def test_one_certificate_that_cannot_be_ordered_does_not_stop_the_others(
    transactional_db: None,
) -> None:
    for name in ("a.example.test", "b.example.test"):
        factories.version(factories.certificate(name))
    factories.dns_account(zones=["b.example.test"])
    Certificate.objects.update(renew_at=clock.now())
    for _ in range(renewal.PAUSE_AFTER):
        sweeps.renew_due()
        Certificate.objects.update(retry_at=None)
    assert Order.objects.get().certificate.name == "b.example.test"
    stuck = Certificate.objects.get(name="a.example.test")
    assert stuck.paused_at
    assert stuck.pause_reason.startswith("dns.no_account")
    assert stuck.needs_renewal(clock.now())


def test_a_fault_of_our_own_fails_the_order_and_shows_nothing_of_itself(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "issue", refuse(RuntimeError("canary")))
    failed = run(order)
    assert (failed.state, failed.error_code) == ("failed", "internal")
    assert "canary" not in failed.error_detail


def test_a_cancelled_order_stops_its_worker_and_issues_nothing(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled_meanwhile(*, watch: Any, **_: Any) -> None:
        services.cancel_order(actor=SYSTEM, order=order)
        watch.tick()
        raise AssertionError("the watch let it go on")

    monkeypatch.setattr(issuers, "issue", cancelled_meanwhile)
    assert run(order).state == "cancelled"
    assert not OrderKey.objects.exists()


def test_an_emptied_broker_is_made_good_by_the_sweep(order: Order) -> None:
    with current_app.connection_for_write() as connected:
        channel: Any = connected.default_channel
        channel.queue_purge("celery")
        assert sweeps.sweep_orders() == 1
        message = channel.basic_get("celery")
    assert message
    assert message.headers["task"] == "certificates.run_order"
    assert message.headers["argsrepr"] == f"({order.pk},)"


def test_a_broker_that_is_away_does_not_stop_a_request(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_app, "send_task", refuse(ConnectionRefusedError()))
    services.cancel_order(actor=SYSTEM, order=order)
    assert services.renew_certificate(actor=SYSTEM, certificate=order.certificate).state == "queued"


def test_every_task_that_code_or_schedule_names_is_registered() -> None:
    from certificates.schedules import SCHEDULES
    from certificates.services.placing import RUN_ORDER
    from certmate.core.schedules import HEARTBEAT

    current_app.loader.import_default_modules()
    assert {RUN_ORDER, HEARTBEAT.task, *(s.task for s in SCHEDULES)} <= set(current_app.tasks)
