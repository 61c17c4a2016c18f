"""The budget of a CA account: never above it, everybody in the end, the most urgent first."""

import heapq
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certmate.core import clock
from certmate.core.errors import Deferred, UpstreamRejected, UpstreamUnavailable
from providers.acme.catalogue import CONCURRENT
from providers.models import CAAccount, CATurn, CAUse
from providers.services import budget
from providers.services.budget import LAPSE, LONGEST_PAUSE, Turn
from tests import factories

pytestmark = pytest.mark.django_db

START = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Time:
    """The clock of a test."""

    def __init__(self) -> None:
        self.now = START

    def pass_by(self, span: timedelta) -> None:
        self.now += span


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(clock, "now", lambda: made.now)
    return made


def account(**values: Any) -> CAAccount:
    return factories.ca_account(**values)


def turn(number: int, urgency: datetime = START) -> Turn:
    return Turn(f"order {number}", (f"{number}.example.test",), urgency)


def asks(of: CAAccount, wanted: Turn) -> timedelta | None:
    """How long it has to wait; None if it was granted, and has ended at once."""
    try:
        use = budget.take(of, wanted)
    except Deferred as deferred:
        return deferred.retry_after or timedelta(0)
    budget.done(use, of, wanted.names, None)
    return None


def simulate(of: CAAccount, turns: list[Turn], time: Time, granted: Callable[[Turn], None]) -> None:
    """Each asks when it was told to, in a random order at first."""
    asking = [(START, number, wanted) for number, wanted in enumerate(turns)]
    heapq.heapify(asking)
    while asking:
        at, number, wanted = heapq.heappop(asking)
        time.now = max(time.now, at)
        wait = asks(of, wanted)
        if wait is None:
            granted(wanted)
        else:
            assert wait > timedelta(0)
            heapq.heappush(asking, (time.now + wait, number, wanted))


def test_200_orders_are_spread_over_a_budget_of_50_an_hour(time: Time) -> None:
    mine = account(orders_per_hour=50)
    turns = [turn(number, START + timedelta(days=1, minutes=number)) for number in range(200)]
    random.Random(7).shuffle(turns)
    for wanted in turns:
        budget.expect(mine, wanted)
    order: list[Turn] = []
    times: list[datetime] = []

    def granted(wanted: Turn) -> None:
        order.append(wanted)
        times.append(time.now)

    simulate(mine, turns, time, granted)
    assert len(order) == 200
    for first, later in zip(times, times[50:], strict=False):
        assert later - first >= HOUR
    # Those of one instant run side by side; between instants the earliest expiry is first.
    by_urgency = sorted(turns, key=lambda wanted: wanted.urgency)
    for begin in range(0, 200, 50):
        assert set(order[begin : begin + 50]) == set(by_urgency[begin : begin + 50])
    assert time.now - START == 3 * HOUR
    assert not CATurn.objects.exists()


def test_a_turn_that_is_not_asked_for_again_lapses(time: Time) -> None:
    mine = account(orders_per_hour=1)
    budget.expect(mine, turn(1, START))
    assert asks(mine, turn(2, START + HOUR)) is not None
    time.pass_by(LAPSE + timedelta(seconds=1))
    assert asks(mine, turn(2, START + HOUR)) is None


def test_only_so_many_run_at_once_and_a_dead_worker_does_not_count_for_ever(time: Time) -> None:
    mine = account()
    for number in range(CONCURRENT):
        budget.take(mine, turn(number))
    assert asks(mine, turn(99)) == budget.BUSY
    time.pass_by(budget.LONGEST_RUN)
    assert asks(mine, turn(99)) is None


def test_who_asks_again_after_a_crash_is_not_in_its_own_way(time: Time) -> None:
    mine = account()
    for _ in range(2):
        for number in range(CONCURRENT):
            budget.take(mine, turn(number))


def test_the_same_names_are_ordered_as_often_as_the_ca_allows(time: Time) -> None:
    mine = account(provider="letsencrypt")
    again = [Turn(f"order {number}", ("a.test", "b.test"), START) for number in range(6)]
    for wanted in again[:5]:
        assert asks(mine, wanted) is None
        time.pass_by(HOUR)
    assert asks(mine, again[5]) == timedelta(days=7) - 5 * HOUR
    # In another order they are the same set; another set is another matter.
    assert asks(mine, Turn("x", ("b.test", "a.test"), START)) is not None
    assert asks(mine, turn(7)) is None


def test_a_name_that_keeps_failing_is_not_tried_beyond_the_cas_limit(time: Time) -> None:
    mine = account(provider="letsencrypt")
    refused = UpstreamRejected(
        "No.", code="acme.unauthorized", identifiers={"1.example.test": "no"}
    )
    for _ in range(5):
        budget.done(budget.take(mine, turn(1)), mine, turn(1).names, refused)
        time.pass_by(timedelta(minutes=1))
    assert asks(mine, turn(1)) == HOUR - timedelta(minutes=5)
    assert asks(mine, turn(2)) is None


def test_everybody_waits_a_while_when_the_ca_asked_one_to(time: Time) -> None:
    mine = account()
    limited = UpstreamUnavailable("Slow.", code="acme.rate_limited", retry_after=timedelta(days=3))
    budget.done(budget.take(mine, turn(1)), mine, turn(1).names, limited)
    assert asks(mine, turn(2)) == LONGEST_PAUSE
    time.pass_by(LONGEST_PAUSE)
    assert asks(mine, turn(2)) is None


def test_what_is_older_than_any_limit_is_forgotten(time: Time) -> None:
    mine = account()
    asks(mine, turn(1))
    time.pass_by(timedelta(days=9))
    asks(mine, turn(2))
    assert CAUse.objects.count() == 2
