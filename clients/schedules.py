"""What beat does for client certificates, unless an operator has changed it in the admin."""

from datetime import timedelta

from certmate.core.schedules import Schedule

SCHEDULES = (
    Schedule(
        "clients.renew_due",
        timedelta(minutes=5),
        "Renews client certificates, or tells whose holders have to send a CSR.",
    ),
    Schedule(
        "clients.store_unstored",
        timedelta(minutes=1),
        "Brings bundles to storage targets that were away.",
    ),
    Schedule(
        "clients.sweep_batches",
        timedelta(minutes=1),
        "Wakes batches whose message was lost or whose worker died.",
    ),
)
