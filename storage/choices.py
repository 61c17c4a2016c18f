"""States of work on targets, its items, and mirrors, with the tones of their badges."""

from django.db.models import TextChoices


class WorkState(TextChoices):
    """Of a migration or a rebuild."""

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


class FindState(TextChoices):
    """Of a bundle that a rebuild has found."""

    QUEUED = "queued", "Queued"
    KNOWN = "known", "Known already"
    ADOPTED = "adopted", "Adopted"
    FAILED = "failed", "Failed"


class MirrorState(TextChoices):
    WAITING = "waiting", "Waiting"
    STORED = "stored", "Up to date"
    FAILING = "failing", "Failing"
    REMOVING = "removing", "Being removed"


OPEN_WORK = (WorkState.QUEUED, WorkState.RUNNING)

TONES: dict[str, str] = {
    WorkState.QUEUED: "info",
    WorkState.RUNNING: "info",
    WorkState.DONE: "good",
    WorkState.INCOMPLETE: "warn",
    WorkState.CANCELLED: "mute",
    WorkState.FAILED: "bad",
    MirrorState.WAITING: "info",
    MirrorState.STORED: "good",
    MirrorState.FAILING: "bad",
    MirrorState.REMOVING: "mute",
}
