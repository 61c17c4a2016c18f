"""Watching name servers, with a clock of the test's own."""

import pytest

from providers.dns import lookup
from providers.dns.lookup import Server, Unanswered, missing, until_served

WANTED = {"_acme-challenge.a.test": {"one", "two"}}
A, B = Server("192.0.2.1"), Server("192.0.2.2", 5353)


class World:
    """What each server serves after so many seconds; None while it is silent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.served: dict[Server, float | None] = {A: 0, B: 0}
        monkeypatch.setattr(lookup, "texts", self.texts)

    def texts(self, server: Server, name: str) -> set[str] | None:
        since = self.served[server]
        if since is None:
            return None
        return {"one", "two", "old"} if self.now >= since else {"one"}

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def watch(self, seconds: float) -> list[Server]:
        return until_served([A, B], WANTED, seconds=seconds, sleep=self.sleep, now=lambda: self.now)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_nothing_is_waited_for_when_all_have_it(world: World) -> None:
    assert world.watch(600) == []
    assert world.now == 0


def test_it_ends_soon_after_the_last_has_it_and_not_at_the_bound(world: World) -> None:
    world.served[B] = 40
    assert world.watch(600) == []
    assert 40 <= world.now <= 46


def test_the_bound_is_kept_and_who_is_late_is_named(world: World) -> None:
    world.served[B] = 1000
    assert world.watch(60) == [B]
    assert world.now == pytest.approx(60)
    assert str(B) == "192.0.2.2 port 5353"


def test_a_silent_server_is_left_out_unless_all_are(world: World) -> None:
    world.served[A] = None
    assert missing([A, B], WANTED) == []
    world.served[B] = None
    with pytest.raises(Unanswered):
        missing([A, B], WANTED)
    assert world.watch(10) == [A, B]
