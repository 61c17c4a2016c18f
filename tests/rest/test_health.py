"""What a load balancer learns."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from cachetools import TTLCache
from celery import Celery
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from certmate.core import clock
from certmate.core.models import Heartbeat
from certmate.rest import health
from tests.caller import problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def alive() -> None:
    Heartbeat.beat("worker", clock.now())
    PeriodicTask.objects.filter(name="core.heartbeat").update(last_run_at=clock.now())


def test_health_asks_nobody() -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = Client().get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert len(queries) == 0


@pytest.mark.usefixtures("alive")
def test_ready_when_all_parts_are_there() -> None:
    answer = Client().get("/ready")
    assert answer.status_code == 200, answer.content
    assert answer.json()["checks"] == dict.fromkeys(
        ("database", "broker", "worker", "scheduler"), "ok"
    )


def test_a_worker_and_a_scheduler_that_were_never_seen_are_missing() -> None:
    Heartbeat.objects.all().delete()
    PeriodicTask.objects.filter(name="core.heartbeat").update(last_run_at=None)
    document = problem(Client().get("/ready"), 503, "service.not_ready")
    assert document["checks"]["worker"] == document["checks"]["scheduler"] == "never seen"
    assert document["checks"]["database"] == "ok"
    assert "worker" in document["detail"]


def silence_worker() -> None:
    Heartbeat.beat("worker", clock.now() - timedelta(seconds=91))


def silence_scheduler() -> None:
    late = clock.now() - timedelta(seconds=91)
    PeriodicTask.objects.filter(name="core.heartbeat").update(last_run_at=late)


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    ("part", "silence"), [("worker", silence_worker), ("scheduler", silence_scheduler)]
)
def test_one_that_has_been_silent_is_named(part: str, silence: Callable[[], None]) -> None:
    silence()
    document = problem(Client().get("/ready"), 503, "service.not_ready")
    assert document["checks"][part].startswith("silent for 9")
    assert sum(state != "ok" for state in document["checks"].values()) == 1


@pytest.mark.usefixtures("alive")
def test_a_broker_that_is_away_is_told_without_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Celery(broker="redis://:canary-password@127.0.0.1:1/0", set_as_current=False)
    monkeypatch.setattr("certmate.rest.health.current_app", away)
    answer = Client().get("/ready")
    document = problem(answer, 503, "service.not_ready")
    assert document["checks"]["broker"].startswith("unavailable")
    assert "canary" not in answer.content.decode()


@pytest.mark.usefixtures("alive")
def test_numbers_that_cannot_be_counted_do_not_take_the_server_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails() -> dict[str, float | int | None]:
        raise DatabaseError("gone")

    monkeypatch.setitem(health.NUMBERS, "crl", fails)
    answer = Client().get("/ready")
    assert (answer.status_code, answer.json()["numbers"]) == (200, {})


@pytest.mark.usefixtures("alive")
def test_numbers_are_counted_now_and_then_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def count() -> dict[str, float | int | None]:
        asked.append(1)
        return {"asked": len(asked)}

    monkeypatch.setattr(health, "NUMBERS", {"test": count})
    monkeypatch.setattr(health, "_counted", TTLCache(1, 60))
    for _ in range(3):
        assert Client().get("/ready").json()["numbers"] == {"test": {"asked": 1}}
