"""What beat does for access, unless an operator has changed it in the admin."""

from datetime import timedelta

from certmate.core.schedules import Schedule

SCHEDULES = (
    Schedule(
        "access.sweep_approvals",
        timedelta(minutes=1),
        "Ends requests for approval that have expired, and carries out what was forgotten.",
    ),
)
