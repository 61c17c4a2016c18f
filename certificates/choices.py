"""Kinds and states, each with its label and the tone of its badge."""

from django.db.models import TextChoices


class ChallengeType(TextChoices):
    DNS_01 = "dns-01", "DNS-01"
    HTTP_01 = "http-01", "HTTP-01"


class CertificateState(TextChoices):
    PENDING = "pending", "Not issued yet"
    ACTIVE = "active", "Active"
    REVOKED = "revoked", "Revoked"


class OrderKind(TextChoices):
    ISSUE = "issue", "Issue"
    RENEW = "renew", "Renew"
    REISSUE = "reissue", "Reissue"
    REVOKE = "revoke", "Revoke"


class OrderState(TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting for the next attempt"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class OrderStep(TextChoices):
    """Where an order is; each step is safe to repeat."""

    PREPARE = "prepare", "Make the key and the request"
    OBTAIN = "obtain", "Prove control and obtain the certificate"
    STORE = "store", "Store certificate and key"
    FINISH = "finish", "Make it current"
    REVOKE = "revoke", "Tell the CA"
    DONE = "done", "Done"


OPEN_STATES = (OrderState.QUEUED, OrderState.RUNNING, OrderState.WAITING)

TONES: dict[str, str] = {
    CertificateState.PENDING: "info",
    CertificateState.ACTIVE: "good",
    CertificateState.REVOKED: "bad",
    OrderState.QUEUED: "info",
    OrderState.RUNNING: "info",
    OrderState.WAITING: "warn",
    OrderState.SUCCEEDED: "good",
    OrderState.FAILED: "bad",
    OrderState.CANCELLED: "mute",
}


class RevocationReason(TextChoices):
    """RFC 5280 §5.3.1, those that a subscriber may give an ACME CA."""

    UNSPECIFIED = "unspecified", "Unspecified"
    KEY_COMPROMISE = "keyCompromise", "Key compromise"
    AFFILIATION_CHANGED = "affiliationChanged", "Affiliation changed"
    SUPERSEDED = "superseded", "Superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation", "Cessation of operation"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn", "Privilege withdrawn"
