"""The signs of life that /ready looks for."""

from celery import shared_task
from celery.signals import beat_init, worker_ready

from certmate.core import clock
from certmate.core.models import Heartbeat


@shared_task(name="core.heartbeat")
def heartbeat() -> None:
    """Sent by the scheduler, which notes the sending, and run by a worker, which notes this."""
    Heartbeat.beat("worker", clock.now())


@worker_ready.connect
def worker_started(**_: object) -> None:
    """So that nobody has to wait for the first message."""
    Heartbeat.beat("worker", clock.now())


@beat_init.connect
def scheduler_started(**_: object) -> None:
    Heartbeat.beat("scheduler", clock.now())
