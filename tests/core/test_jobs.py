"""Waking a worker, with the settings of the product and no broker."""

import pytest
from celery import Celery
from kombu.utils import functional

from certmate import settings as product
from certmate.core import jobs


def test_a_broker_that_is_away_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = Celery("sender", broker=product.CELERY_BROKER_URL, set_as_current=False)
    app.conf.update(
        broker_transport_options=product.CELERY_BROKER_TRANSPORT_OPTIONS,
        task_publish_retry=product.CELERY_TASK_PUBLISH_RETRY,
    )
    monkeypatch.setattr(jobs, "current_app", app)
    waits: list[float] = []
    monkeypatch.setattr(functional, "sleep", waits.append)
    jobs.enqueue("core.ping")
    assert "The broker is away (OperationalError)" in caplog.text
    assert waits == []
