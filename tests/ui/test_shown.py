"""Small things that pages are made of: badges, instants, pages of a list."""

from datetime import UTC, datetime, timedelta

import pytest

from certmate.access.models import Team
from certmate.ui import instants
from certmate.ui.badges import Badge, row
from certmate.ui.facts import Fact, code, lines
from certmate.ui.paginator import AHEAD, BoundedPaginator

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(days=12, hours=5), "in 12 d"),
        (timedelta(hours=-3, minutes=-59), "3 h ago"),
        (timedelta(minutes=1), "in 1 min"),
        (timedelta(seconds=-9), "9 s ago"),
        (timedelta(milliseconds=3), "now"),
    ],
)
def test_a_distance_is_told_in_its_largest_unit(span: timedelta, words: str) -> None:
    assert instants.distance(NOW + span, NOW) == words


def test_a_relative_instant_carries_the_exact_one() -> None:
    shown = instants.relative(NOW, NOW - timedelta(days=2), tone="warn")
    assert 'title="2026-11-23 12:00 UTC"' in shown
    assert 'class="when warn"' in shown
    assert instants.absolute(None) in instants.relative(None, NOW)


def test_badges_and_codes_escape_what_they_show() -> None:
    assert "&lt;b&gt;" in row(Badge("<b>", "bad", '"t"'))
    assert "&quot;t&quot;" in str(Badge("x", "bad", '"t"'))
    assert "badge-mute" in str(Badge("x", "unknown"))
    assert "&lt;i&gt;" in code("<i>")


def test_a_fact_without_a_value_says_so() -> None:
    assert Fact("x", None).shown == Fact("x", "").shown == "\N{EN DASH}"
    assert Fact("x", lines([])).shown == "\N{EN DASH}"
    assert Fact("x", 0).shown == 0


@pytest.mark.django_db
def test_a_long_list_is_not_counted_to_its_end() -> None:
    Team.objects.bulk_create(Team(name=f"{number}") for number in range(AHEAD + 200))
    first = BoundedPaginator(Team.objects.order_by("name"), 50, page=1)
    assert (first.count, first.is_bounded) == (AHEAD + 50, True)
    last = BoundedPaginator(Team.objects.order_by("name"), 50, page=24)
    assert (last.count, last.is_bounded) == (AHEAD + 200, False)
    assert len(last.page(24).object_list) == 50
