"""What beat does for the audit log, unless an operator has changed it in the admin."""

from datetime import timedelta

from certmate.core.schedules import Schedule

SCHEDULES = (
    Schedule(
        "audit.seal",
        timedelta(seconds=20),
        "Binds new audit entries into the sealed log and passes checkpoints on.",
    ),
    Schedule(
        "audit.verify",
        timedelta(days=1),
        "Verifies the whole audit log and tells on its page what it found.",
    ),
    Schedule(
        "audit.prune",
        timedelta(days=1),
        "Prunes old audit entries if CERTMATE_AUDIT_RETENTION_DAYS is set.",
    ),
)
