"""Counting calls: in one process, and for several in a real Valkey."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certmate.core import broker, clock, rates
from tests.core.test_broker import ask, running

RATE = rates.Rate(10, timedelta(days=1))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A Valkey's URL as the broker has it."""
    with running(tmp_path):
        yield broker.broker_url(tmp_path)


def shared(url: str) -> rates.SharedCounter:
    return rates.SharedCounter(rates.redis_url(url))


@pytest.fixture(params=["local", "shared"])
def counter(request: pytest.FixtureRequest) -> Any:
    if request.param == "local":
        return rates.LocalCounter()
    return shared(request.getfixturevalue("server"))


def test_so_many_calls_pass_and_then_none(counter: rates.Counter) -> None:
    waits = [counter.take("a", RATE) for _ in range(12)]
    assert waits[:10] == [rates.NO_WAIT] * 10
    # A call comes free every tenth of the day.
    assert all(timedelta(hours=2.3) < wait <= timedelta(hours=2.4) for wait in waits[10:])


def test_each_caller_is_counted_apart(counter: rates.Counter) -> None:
    for _ in range(11):
        counter.take("a", RATE)
    assert counter.take("a", RATE)
    assert not counter.take("b", RATE)


def test_a_refused_call_does_not_lengthen_the_wait(counter: rates.Counter) -> None:
    for _ in range(10):
        counter.take("a", RATE)
    first = counter.take("a", RATE)
    for _ in range(50):
        counter.take("a", RATE)
    assert counter.take("a", RATE) <= first


def test_calls_come_free_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    counter, start = rates.LocalCounter(), clock.now()
    monkeypatch.setattr(clock, "now", lambda: start)
    for _ in range(10):
        counter.take("a", RATE)
    wait = counter.take("a", RATE)
    monkeypatch.setattr(clock, "now", lambda: start + wait)
    assert not counter.take("a", RATE)
    assert counter.take("a", RATE)


def test_one_process_remembers_a_bounded_number_of_callers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rates, "MOST_LOCAL", 5)
    counter = rates.LocalCounter()
    for number in range(50):
        counter.take(str(number), RATE)
    assert len(counter._ends) == 5


TAKE = """
import sys
import django
django.setup()
from certmate.core import rates
from datetime import timedelta
rate = rates.Rate(100, timedelta(days=1))
counter = rates.SharedCounter(rates.redis_url(sys.argv[1]))
sys.stdin.readline()
print(sum(not counter.take("a", rate) for _ in range(80)))
"""


def test_two_processes_count_together(server: str) -> None:
    command = [sys.executable, "-c", TAKE, server]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        passed = []
        for process in (one, other):
            said: Any = process.stdin
            said.write("go\n")
            said.flush()
        for process in (one, other):
            answered: Any = process.stdout
            passed.append(int(answered.readline()))
    assert sum(passed) == 100
    assert all(passed)


def test_calls_at_the_same_time_do_not_slip_through_together(server: str) -> None:
    counter = shared(server)
    with ThreadPoolExecutor(max_workers=16) as pool:
        waits = list(pool.map(lambda _: counter.take("a", RATE), range(200)))
    assert waits.count(rates.NO_WAIT) == RATE.calls


def test_a_call_costs_one_round_trip(server: str, tmp_path: Path) -> None:
    counter = shared(server)
    counter.take("a", RATE)

    def processed() -> int:
        told = ask(tmp_path, "INFO", "commandstats").decode()
        stats = [line for line in told.splitlines() if line.startswith("cmdstat_")]
        names = ("cmdstat_evalsha:", "cmdstat_eval:", "cmdstat_script")
        return sum(
            int(line.partition("calls=")[2].split(",")[0])
            for line in stats
            if line.startswith(names)
        )

    before = processed()
    counter.take("a", RATE)
    assert processed() - before == 1


def test_the_count_is_forgotten_when_it_says_nothing_any_more(server: str, tmp_path: Path) -> None:
    shared(server).take("a", rates.Rate(10, timedelta(seconds=10)))
    left = int(ask(tmp_path, "PTTL", f"{rates.PREFIX}a").strip().removeprefix(b":"))
    assert 0 < left <= 1000


@pytest.mark.parametrize(
    ("given", "translated"),
    [
        ("redis+socket:///run/a%20b.sock", "unix:///run/a%20b.sock"),
        ("redis+socket:///run/b.sock?virtual_host=3", "unix:///run/b.sock?db=3"),
        ("redis://:p%40ss@redis.test:6380/2", "redis://:p%40ss@redis.test:6380/2"),
        (
            "rediss://redis.test/0?ssl_cert_reqs=CERT_REQUIRED&health_check=1",
            "rediss://redis.test/0?ssl_cert_reqs=required",
        ),
        ("amqp://rabbit.test//", ""),
        ("memory://", ""),
    ],
)
def test_a_brokers_address_is_understood(given: str, translated: str) -> None:
    assert rates.redis_url(given) == translated
    if translated:
        rates.SharedCounter(translated)  # Connects with the first call only.


def test_the_count_keeps_apart_from_the_queues(server: str, tmp_path: Path) -> None:
    shared(server).take("a", RATE)
    assert ask(tmp_path, "KEYS", "*").split()[2:] == [b"certmate:rate:a"]


def test_a_lost_server_stops_nobody_and_is_told_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counter, start = shared(broker.broker_url(tmp_path)), clock.now()
    with caplog.at_level(logging.WARNING, "certmate.core.rates"):
        for seconds in (0, 1, 20, 59, 70):
            monkeypatch.setattr(clock, "now", lambda at=start + timedelta(seconds=seconds): at)
            assert not counter.take("a", RATE)
    assert len(caplog.records) == 2
    assert counter.lost_since == start
    # Each process counts for itself meanwhile: lost is not limitless.
    assert any(counter.take("a", RATE) for _ in range(10))


def is_lost(counter: rates.SharedCounter) -> bool:
    return counter.lost_since is not None


def test_a_server_that_is_back_counts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, start = broker.broker_url(tmp_path), clock.now()
    counter = shared(url)
    counter.take("a", RATE)
    with running(tmp_path):
        counter.take("a", RATE)
        assert is_lost(counter)  # It is left alone for a while.
        monkeypatch.setattr(clock, "now", lambda: start + 2 * rates.PAUSE)
        for _ in range(10):
            assert not counter.take("a", RATE)
        assert not is_lost(counter)
        assert counter.take("a", RATE)
