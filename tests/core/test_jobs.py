"""Waking a worker, with the settings of the product."""

import signal
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu.utils import functional

from certmate import settings as product
from certmate.core import broker, jobs
from tests.core.test_broker import ask, running
from tests.servers.instance import wait_until


@pytest.fixture(autouse=True)
def sender(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Celery:
    """Sends to a broker in `tmp_path`, if there is one."""
    app = Celery("sender", broker=broker.broker_url(tmp_path), set_as_current=False)
    app.conf.update(
        broker_transport_options=product.CELERY_BROKER_TRANSPORT_OPTIONS | {"socket_timeout": 0.2},
        task_publish_retry=product.CELERY_TASK_PUBLISH_RETRY,
    )
    monkeypatch.setattr(jobs, "current_app", app)
    monkeypatch.setattr(jobs, "_broker", jobs._Broker())
    return app


def test_a_broker_that_is_away_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(functional, "sleep", waits.append)
    jobs.enqueue("core.ping")
    assert "The broker is away (OperationalError)" in caplog.text
    assert waits == []


def test_a_broker_that_is_back_is_heard_at_once(tmp_path: Path) -> None:
    jobs.enqueue("core.ping")
    with running(tmp_path):
        jobs.enqueue("core.ping")
        assert ask(tmp_path, "LLEN", "celery") == b":1\r\n"


def test_a_broker_that_hangs_is_left_alone_for_a_while(
    sender: Celery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    send = sender.send_task

    def counted(name: str, **options: Any) -> None:
        tried.append(name)
        send(name, **options)

    monkeypatch.setattr(sender, "send_task", counted)
    monkeypatch.setattr(jobs, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(jobs, "PAUSE_SECONDS", 1.0)
    with running(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        jobs.enqueue("first")
        jobs.enqueue("second")
        assert tried == ["first"]
        process.send_signal(signal.SIGCONT)

        def arrived() -> bool:
            jobs.enqueue("third")
            return ask(tmp_path, "LLEN", "celery") != b":0\r\n"

        wait_until(arrived, seconds=10, what="a message")
        assert tried == ["first", "third"]
