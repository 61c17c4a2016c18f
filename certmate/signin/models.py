"""What sign-in remembers: failed attempts, known addresses, sealed secrets of second factors."""

import uuid

from django.db import models

from certmate.core.fields import EncryptedJSONField


class FailedAttempts(models.Model):
    """How often guesses of one kind failed in a row.

    Names and addresses are keyed hashes: what somebody types as a name is now and then a password.
    """

    kind = models.CharField(max_length=10)
    key = models.CharField(max_length=64)
    name = models.CharField(max_length=64, blank=True, db_index=True)
    count = models.PositiveIntegerField(default=1)
    last_at = models.DateTimeField(db_index=True)
    is_reported = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "key"], name="signin_attempts_of_one_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.count} failed ({self.kind})"


class KnownAddress(models.Model):
    """Where somebody has signed in from, as a keyed hash of name and address."""

    key = models.CharField(max_length=64, unique=True)
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"seen {self.seen_at:%Y-%m-%d}"


class FactorSecret(models.Model):
    """A secret that allauth keeps in `Authenticator.data`, where only our id stands instead.

    So it is bound to its row and follows the master key like every other secret.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    value = EncryptedJSONField()

    def __str__(self) -> str:
        return str(self.id)
