"""What beat does for storage, unless an operator has changed it in the admin."""

from datetime import timedelta

from certmate.core.schedules import Schedule

SCHEDULES = (
    Schedule(
        "storage.sweep_migrations",
        timedelta(minutes=1),
        "Wakes migrations whose message was lost, whose wait is over, or whose worker died.",
    ),
    Schedule(
        "storage.sweep_rebuilds",
        timedelta(minutes=1),
        "Wakes rebuilds whose message was lost, whose wait is over, or whose worker died.",
    ),
    Schedule(
        "storage.sweep_mirrors",
        timedelta(minutes=1),
        "Wakes mirrors whose message was lost, whose wait is over, or whose worker died.",
    ),
    Schedule(
        "storage.touch_targets",
        timedelta(minutes=10),
        "Uses sign-ins at vaults, so that tokens are renewed before they lapse.",
    ),
)
