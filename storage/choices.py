"""States of migrations, their items, and mirrors, with the tones of their badges."""

from django.db.models import TextChoices


class MigrationState(TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    INCOMPLETE = "incomplete", "Done in part"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


class ItemState(TextChoices):
    QUEUED = "queued", "Queued"
    COPIED = "copied", "Copied and compared"
    CLEANED = "cleaned", "Copied, and removed from the source"
    FAILED = "failed", "Failed"


class MirrorState(TextChoices):
    WAITING = "waiting", "Waiting"
    STORED = "stored", "Up to date"
    FAILING = "failing", "Failing"
    REMOVING = "removing", "Being removed"


OPEN_MIGRATIONS = (MigrationState.QUEUED, MigrationState.RUNNING)

TONES: dict[str, str] = {
    MigrationState.QUEUED: "info",
    MigrationState.RUNNING: "info",
    MigrationState.DONE: "good",
    MigrationState.INCOMPLETE: "warn",
    MigrationState.CANCELLED: "mute",
    MigrationState.FAILED: "bad",
    MirrorState.WAITING: "info",
    MirrorState.STORED: "good",
    MirrorState.FAILING: "bad",
    MirrorState.REMOVING: "mute",
}
