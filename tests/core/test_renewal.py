from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certmate.core import renewal

START = datetime(2026, 1, 1, tzinfo=UTC)


def at_once(span: timedelta) -> timedelta:
    return timedelta(0)


def at_last(span: timedelta) -> timedelta:
    return span


@pytest.mark.parametrize(
    ("lifetime", "days", "left"),
    [
        (90, None, 30),
        (47, None, 47 / 3),
        (9, None, 4.5),
        (6, None, 3),
        (90, 20, 20),
        (6, 30, 3),  # Thirty days before the end of six would be renewing without end.
    ],
)
def test_renewal_follows_the_lifetime_or_the_operators_days(
    lifetime: float, days: int | None, left: float
) -> None:
    end = START + timedelta(days=lifetime)
    assert end - renewal.renew_at(START, end, days, at_once) == timedelta(days=left)


@given(
    st.integers(600, 4000 * 86400).map(lambda seconds: timedelta(seconds=seconds)),
    st.none() | st.integers(1, 365),
    st.floats(0, 1),
)
def test_renewal_is_always_in_the_second_half_of_the_lifetime_and_before_its_end(
    lifetime: timedelta, days: int | None, share: float
) -> None:
    end = START + lifetime
    found = renewal.renew_at(START, end, days, lambda span: span * share)
    assert START + lifetime / 2 <= found < end


def test_jitter_spreads_a_fleet_over_a_tenth_of_what_is_left() -> None:
    end = START + timedelta(days=90)
    spread = renewal.renew_at(START, end, None, at_last) - renewal.renew_at(
        START, end, None, at_once
    )
    assert spread == timedelta(days=3)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 1), (2, 10), (3, 100), (4, 1440), (99, 1440)]
)
def test_the_ladder(attempts: int, minutes: int) -> None:
    assert renewal.retry_delay(attempts, None, at_once) == timedelta(minutes=minutes)
    assert renewal.retry_delay(attempts, None, at_last) == timedelta(minutes=minutes) * 1.1


def test_what_the_ca_asks_for_is_the_least() -> None:
    assert renewal.retry_delay(1, timedelta(hours=2), at_once) == timedelta(hours=2)
    assert renewal.retry_delay(2, timedelta(seconds=5), at_once) == timedelta(minutes=10)
