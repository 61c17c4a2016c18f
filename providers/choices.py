"""Kinds and states around authorities, each with its label and the tone of its badge."""

from django.db.models import TextChoices


class AuthorityKind(TextChoices):
    ROOT = "root", "Root"
    INTERMEDIATE = "intermediate", "Intermediate"


class KeyState(TextChoices):
    """Of an authority's key pair. One that is replaced signs nothing more but its CRLs."""

    WAITING = "waiting", "Waiting for its certificate"
    ACTIVE = "active", "Active"
    REPLACED = "replaced", "Replaced"


class AuthorityState(TextChoices):
    """What an authority can do now: only one that is ready signs."""

    READY = "ready", "Ready"
    WAITING = "waiting", "Waiting for its certificate"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"
    DISABLED = "disabled", "Disabled"


class EntryKind(TextChoices):
    LEAF = "leaf", "Leaf"
    CA = "ca", "CA"
    OCSP = "ocsp", "OCSP responder"


class EntryState(TextChoices):
    """Of a line of the ledger: it stands there before the signature is made."""

    INTENDED = "intended", "About to be signed"
    SIGNED = "signed", "Signed"
    ABANDONED = "abandoned", "Abandoned"


class RevocationReason(TextChoices):
    """RFC 5280 §5.3.1, those that an authority can give."""

    UNSPECIFIED = "unspecified", "Unspecified"
    KEY_COMPROMISE = "keyCompromise", "Key compromise"
    CA_COMPROMISE = "cACompromise", "CA compromise"
    AFFILIATION_CHANGED = "affiliationChanged", "Affiliation changed"
    SUPERSEDED = "superseded", "Superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation", "Cessation of operation"
    CERTIFICATE_HOLD = "certificateHold", "On hold"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn", "Privilege withdrawn"


TONES: dict[str, str] = {
    AuthorityState.READY: "good",
    AuthorityState.EXPIRED: "bad",
    AuthorityState.REVOKED: "bad",
    AuthorityState.DISABLED: "mute",
    KeyState.WAITING: "warn",
    KeyState.ACTIVE: "good",
    KeyState.REPLACED: "mute",
    EntryState.INTENDED: "info",
    EntryState.SIGNED: "good",
    EntryState.ABANDONED: "mute",
}
