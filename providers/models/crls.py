"""What CRLs are made from beside the revocations, and the published ones.

A change writes a `CRLChange` in its own transaction; the transaction that publishes a CRL notes
there that it is told, or takes the row away if delta CRLs start anew with it. Whatever crashes or
gets lost in between, the row says what to do.
"""

from typing import ClassVar

from django.db import models

from certmate.core.claims import Leased
from providers.models.authorities import AuthorityKey
from providers.models.ledger import LedgerEntry


class CRLShard(Leased):
    """One CRL of a key, which one worker at a time makes.

    Delta CRLs tell what has changed since the base (RFC 5280 §5.2.4): the full CRL numbered
    `base_number`. `published_after` is how long the changes had to wait that it told last.
    """

    key = models.ForeignKey(AuthorityKey, models.CASCADE, related_name="+", db_index=False)
    shard = models.PositiveIntegerField()
    due_at = models.DateTimeField(db_index=True)
    this_update = models.DateTimeField(null=True)
    next_update = models.DateTimeField(null=True)
    base_number = models.PositiveBigIntegerField(null=True)
    base_at = models.DateTimeField(null=True)
    published_after = models.DurationField(null=True)

    class Meta:
        verbose_name = "CRL shard"
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["key", "shard"], name="crl_shard_unique")
        ]

    def __str__(self) -> str:
        return f"{self.shard}.crl"


class CRLChange(models.Model):
    """A revocation, another reason for one, or a release, since the base of the delta CRLs.
    `is_told` by a published CRL that is no base.
    """

    key = models.ForeignKey(AuthorityKey, models.CASCADE, related_name="+", db_index=False)
    shard = models.PositiveIntegerField()
    entry = models.ForeignKey(LedgerEntry, models.CASCADE, related_name="+")
    changed_at = models.DateTimeField()
    is_told = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["key", "shard", "is_told"], name="crl_change_of_shard"),
            models.Index(
                fields=["changed_at"],
                name="crl_change_waiting",
                condition=models.Q(is_told=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class CRLRelease(models.Model):
    """A hold that has ended since the base: delta CRLs take it off (`removeFromCRL`)."""

    entry = models.OneToOneField(LedgerEntry, models.CASCADE, related_name="+")
    key = models.ForeignKey(AuthorityKey, models.CASCADE, related_name="+", db_index=False)
    shard = models.PositiveIntegerField()
    revoked_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["key", "shard"], name="crl_release_of_shard")
        ]

    def __str__(self) -> str:
        return str(self.pk)


class CRL(models.Model):
    """A published certificate revocation list of one key and shard, and the delta CRL of the same
    number, which is empty where the authority makes none.
    """

    key = models.ForeignKey(AuthorityKey, models.CASCADE, related_name="crls", db_index=False)
    shard = models.PositiveIntegerField()
    number = models.PositiveBigIntegerField()
    this_update = models.DateTimeField()
    next_update = models.DateTimeField()
    entries = models.PositiveIntegerField()
    content = models.BinaryField("CRL (DER)")
    delta_entries = models.PositiveIntegerField(default=0)
    delta_next_update = models.DateTimeField(null=True)
    delta = models.BinaryField("delta CRL (DER)", default=b"")

    class Meta:
        verbose_name = "CRL"
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["key", "shard", "number"], name="crl_number_unique")
        ]

    def __str__(self) -> str:
        return f"{self.shard}.crl {self.number}"
