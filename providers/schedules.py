"""What beat does for authorities, unless an operator has changed it in the admin."""

from datetime import timedelta

from certmate.core.schedules import Schedule

SCHEDULES = (
    Schedule(
        "providers.publish_due",
        timedelta(minutes=1),
        "Has the CRLs made that are missing, at half of their time, or behind a revocation.",
    ),
    Schedule(
        "providers.produce_answers",
        timedelta(minutes=1),
        "Makes the OCSP answers that are missing or at half of their validity, and responders.",
    ),
    Schedule(
        "providers.reconcile_ledger",
        timedelta(minutes=5),
        "Gives up and revokes what a crash has left between ledger and signature.",
    ),
)
