"""Kinds and states, each with its label and the tone of its badge."""

from django.db.models import TextChoices


class IdentityKind(TextChoices):
    PERSON = "person", "Person"
    DEVICE = "device", "Device"
    SERVICE = "service", "Service"
    IOT = "iot", "IoT"


class Method(TextChoices):
    """How a certificate came about, as its metadata says."""

    DIRECT = "direct", "Key made here"
    CSR = "csr", "CSR brought along"
    MANUAL = "manual", "Issued elsewhere, uploaded"


class ClientState(TextChoices):
    PENDING = "pending", "Waiting for approval"
    ACTIVE = "active", "Active"
    HELD = "held", "On hold"
    REVOKED = "revoked", "Revoked"


class EnrolmentState(TextChoices):
    DRAFT = "draft", "Not submitted yet"
    PENDING = "pending", "Waiting for approval"
    ISSUED = "issued", "Issued"
    REJECTED = "rejected", "Rejected"
    FAILED = "failed", "Failed"


class BatchState(TextChoices):
    LOADING = "loading", "Being taken in"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


class RowState(TextChoices):
    QUEUED = "queued", "Queued"
    ISSUED = "issued", "Issued"
    REPEATED = "repeated", "Issued by an earlier batch"
    FAILED = "failed", "Failed"


OPEN_BATCHES = (BatchState.QUEUED, BatchState.RUNNING)

TONES: dict[str, str] = {
    ClientState.PENDING: "info",
    ClientState.ACTIVE: "good",
    ClientState.HELD: "warn",
    ClientState.REVOKED: "bad",
    EnrolmentState.DRAFT: "mute",
    EnrolmentState.ISSUED: "good",
    EnrolmentState.REJECTED: "bad",
    EnrolmentState.FAILED: "bad",
    BatchState.LOADING: "mute",
    BatchState.QUEUED: "info",
    BatchState.RUNNING: "info",
    BatchState.DONE: "good",
    BatchState.CANCELLED: "mute",
    RowState.REPEATED: "mute",
}
