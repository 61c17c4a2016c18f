import pytest
from celery.worker import state

from certificates import tasks
from certificates.models import Order
from certmate.core.errors import UpstreamUnavailable
from providers import issuers
from tests import factories
from tests.certificates.test_faults import refuse

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    away = UpstreamUnavailable("Away.", code="acme.unreachable")
    monkeypatch.setattr(issuers, "issue", refuse(away))
    names = [f"n{number}.example.test" for number in range(3)]
    return [factories.order(factories.certificate(name)) for name in names]


def states() -> list[str]:
    return list(Order.objects.order_by("pk").values_list("state", flat=True))


def test_a_worker_goes_on_with_what_waits(orders: list[Order]) -> None:
    tasks.run_order(orders[1].pk)
    assert states() == ["waiting"] * 3


def test_with_every_slot_taken_an_order_is_left_to_those_who_have_them(orders: list[Order]) -> None:
    for _ in range(tasks.ORDERS_AT_ONCE):
        assert tasks._slots.acquire(blocking=False)
    try:
        tasks.run_order(orders[0].pk)
        assert states() == ["queued"] * 3
    finally:
        tasks._slots.release(tasks.ORDERS_AT_ONCE)
    tasks.run_order(orders[0].pk)
    assert states() == ["waiting"] * 3


def test_a_worker_that_is_being_stopped_takes_nothing_more(
    orders: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "should_stop", 0)
    tasks.run_order(orders[1].pk)
    assert states() == ["queued", "waiting", "queued"]
