"""Periodic tasks as rows that an operator may edit: seeded once, never overwritten."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Schedule:
    """A periodic task as it is seeded: the task's name, how often, and what an operator reads about
    it.
    """

    task: str
    every: timedelta
    description: str


HEARTBEAT = Schedule(
    "core.heartbeat", timedelta(seconds=30), "Shows /ready that scheduler and worker are alive."
)


def seed(*schedules: Schedule) -> None:
    """Create the rows that are missing. A row that exists, however changed or disabled, stays as it
    is.
    """
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    for schedule in schedules:
        if PeriodicTask.objects.filter(name=schedule.task).exists():
            continue
        interval, _ = IntervalSchedule.objects.get_or_create(
            every=int(schedule.every.total_seconds()), period=IntervalSchedule.SECONDS
        )
        PeriodicTask.objects.create(
            name=schedule.task,
            task=schedule.task,
            interval=interval,
            description=schedule.description,
            # A message that nobody took in time is worthless: the next one asks the same rows.
            expire_seconds=int(schedule.every.total_seconds() * 2),
        )
