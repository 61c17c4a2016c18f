"""The beginning of a text finds what begins with it, by the index."""

import pytest
from django.db import connection

from certmate.access.models import Team

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("web", {"web", "web-1", "webé", "web\U0010fffe"}),
        ("web-", {"web-1"}),
        ("we%", {"we%b"}),
        ("we_", set()),
        ("WEB", set()),
        ("x", set()),
    ],
)
def test_what_begins_with_a_text_is_found(text: str, found: set[str]) -> None:
    for name in ("web", "web-1", "webé", "web\U0010fffe", "we%b", "wea", "wec", "v"):
        Team.objects.create(name=name)
    assert set(Team.objects.filter(name__begins=text).values_list("name", flat=True)) == found


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL scans what is small")
def test_sqlite_walks_the_index() -> None:
    assert "USING" in Team.objects.filter(name__begins="web").order_by().explain()
