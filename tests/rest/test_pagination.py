"""Pages are complete and stay so while rows come and go."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certificates.models import Certificate
from tests import factories
from tests.caller import Caller, problem

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def names() -> list[str]:
    """Twelve certificates: four expire at one instant, four later, four were never issued."""
    made = [f"c{number:02}.example.test" for number in range(12)]
    for number, name in enumerate(made):
        expires_at = (NOW, NOW + timedelta(days=number), None)[number % 3]
        factories.certificate(name, expires_at=expires_at)
    return made


def pages(caller: Caller, path: str, link: str = "next") -> Iterator[list[dict[str, Any]]]:
    following: str | None = path
    while following:
        answer = caller.get(following)
        assert answer.status_code == 200, answer.content
        yield answer.json()["results"]
        following = answer.json()[link]


def listed(caller: Caller, path: str) -> list[str]:
    return [row["name"] for page in pages(caller, path) for row in page]


def expected(ordering: str) -> list[str]:
    """What a plain sort gives: no expiry is later than any."""
    rows = list(Certificate.objects.all())
    far = datetime.max.replace(tzinfo=UTC)
    keys: dict[str, Any] = {
        "name": lambda row: row.name,
        "expires_at": lambda row: (row.expires_at or far, row.pk),
        "created_at": lambda row: row.pk,
    }
    rows.sort(key=keys[ordering.lstrip("-")], reverse=ordering.startswith("-"))
    return [row.name for row in rows]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 11, 12, 13])
@pytest.mark.parametrize(
    "ordering", ["name", "-name", "expires_at", "-expires_at", "created_at", "-created_at"]
)
def test_following_next_shows_every_row_once_and_in_order(
    owner: Caller, names: list[str], ordering: str, limit: int
) -> None:
    assert listed(owner, f"/api/certificates?ordering={ordering}&limit={limit}") == expected(
        ordering
    )


@pytest.mark.parametrize("ordering", ["name", "-name", "expires_at", "-expires_at"])
def test_following_previous_from_the_end_shows_every_row_once(
    owner: Caller, names: list[str], ordering: str
) -> None:
    first = f"/api/certificates?ordering={ordering}&limit=5"
    last = first
    while following := owner.get(last).json()["next"]:
        last = following
    backwards = list(pages(owner, last, "previous"))
    assert [row["name"] for page in reversed(backwards) for row in page] == expected(ordering)


def test_the_first_page_has_no_previous_and_the_last_no_next(
    owner: Caller, names: list[str]
) -> None:
    page = owner.get("/api/certificates?limit=12").json()
    assert (page["next"], page["previous"]) == (None, None)
    second = owner.get(owner.get("/api/certificates?limit=6").json()["next"]).json()
    assert second["next"] is None
    assert owner.get(second["previous"]).json()["previous"] is None


def test_rows_that_come_and_go_neither_repeat_nor_hide_others(
    owner: Caller, names: list[str]
) -> None:
    first = owner.get("/api/certificates?limit=4").json()
    factories.certificate("a.example.test")
    Certificate.objects.filter(name__in=("c00.example.test", "c03.example.test")).delete()
    rest = listed(owner, first["next"])
    assert [row["name"] for row in first["results"]] + rest == names


def test_filters_stay_while_paging(owner: Caller, names: list[str]) -> None:
    Certificate.objects.filter(name__lt="c06").update(auto_renew=False)
    assert listed(owner, "/api/certificates?auto_renew=false&limit=2") == names[:6]


def test_a_page_costs_as_many_queries_whatever_its_size(owner: Caller) -> None:
    counts = []
    for number in range(50):
        factories.version(factories.certificate(f"n{number}.example.test"))
        if number in (4, 49):
            owner.get("/api/certificates")
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert len(owner.get("/api/certificates").json()["results"]) == number + 1
            counts.append(len(queries))
    assert counts[0] == counts[1] <= 5


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=²", "limit"),
        ("ordering=created_by", "ordering"),
        ("ordering=--name", "ordering"),
        ("ordering=name,id", "ordering"),
        ("cursor=x", "cursor"),
        ("cursor=%ff", "cursor"),
        ("search=%00", "search"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(owner: Caller, query: str, field: str) -> None:
    document = problem(owner.get(f"/api/certificates?{query}"), 400, "request.invalid")
    assert list(document["errors"]) == [field]


@pytest.mark.parametrize(
    "position",
    [
        ["name", False, "x", "1"],
        ["expires_at", False, "no date", "1"],
        ["expires_at", False, None, "no number"],
        ["expires_at", 1, None, "1"],
        ["expires_at", False, ["x"], "1"],
        ["expires_at", False, None],
        {"a": 1},
        7,
    ],
)
def test_a_forged_cursor_is_refused(owner: Caller, position: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(position).encode()).decode()
    answer = owner.get(f"/api/certificates?ordering=expires_at&cursor={cursor}")
    assert list(problem(answer, 400, "request.invalid")["errors"]) == ["cursor"]


def test_catalogues_page_like_lists(owner: Caller) -> None:
    slugs = [e["slug"] for page in pages(owner, "/api/dns-providers?limit=1") for e in page]
    assert slugs == sorted(slugs)
    assert len(slugs) == len(set(slugs)) >= 4
    end = owner.get("/api/dns-providers?ordering=-slug&limit=1").json()
    assert end["results"][0]["slug"] == slugs[-1]
    second = owner.get(end["next"]).json()
    assert owner.get(second["previous"]).json()["results"] == end["results"]
    found = owner.get("/api/dns-providers?search=cloudf").json()["results"]
    assert [entry["slug"] for entry in found] == ["cloudflare"]
