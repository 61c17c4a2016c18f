"""The ledger: every certificate that an authority has signed or is about to sign.

CRLs are computed from the revocations in it. A line is written before the signature is made, and
nothing removes one: what was signed stays known and can be revoked.
"""

from typing import ClassVar

from django.db import models

from providers.choices import EntryKind, EntryState, RevocationReason
from providers.models.authorities import Authority, AuthorityKey


class LedgerEntry(models.Model):
    """One serial number of an authority.

    While it is intended, `tbs` has the bytes that shall be signed; then `cert` has them with the
    signature. `note` says why one was abandoned.
    """

    access_via: ClassVar[str] = "authority"

    authority = models.ForeignKey(Authority, models.PROTECT, related_name="ledger", db_index=False)
    key = models.ForeignKey(AuthorityKey, models.PROTECT, related_name="+", db_index=False)
    serial = models.CharField("serial number", max_length=40)
    kind = models.CharField(max_length=4, choices=EntryKind.choices)
    state = models.CharField(max_length=10, choices=EntryState.choices)
    profile = models.CharField(max_length=64, blank=True)
    holder = models.CharField(max_length=255, blank=True)
    subject = models.CharField(max_length=500, blank=True)
    public_key_hash = models.CharField("SHA-256 of the public key", max_length=64, db_index=True)
    shard = models.PositiveIntegerField("CRL shard")
    not_before = models.DateTimeField("valid from")
    not_after = models.DateTimeField("valid until")
    tbs = models.BinaryField(null=True)
    cert = models.BinaryField("certificate (DER)", null=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=200, blank=True)
    # When its OCSP answer is to be made (again); never, if nobody is answered.
    answer_due_at = models.DateTimeField(null=True)
    # Since when there is none because it is another one now, which must not wait for renewals.
    answer_changed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "ledger entry"
        verbose_name_plural = "ledger entries"
        ordering = ("-id",)
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # RFC 5280 §4.1.2.2: unique for each CA, whichever of its keys has signed.
            models.UniqueConstraint(fields=["authority", "serial"], name="ledger_serial_unique")
        ]
        indexes: ClassVar[list[models.Index]] = [
            # What the reconciler asks for.
            models.Index(
                fields=["created_at"],
                name="ledger_unfinished",
                condition=models.Q(state=EntryState.INTENDED),
            ),
            models.Index(fields=["authority", "-id"], name="ledger_of_authority"),
            # What makers of OCSP answers ask for.
            models.Index(
                fields=["answer_due_at"],
                name="ledger_answer_due",
                condition=models.Q(answer_due_at__isnull=False),
            ),
            models.Index(
                fields=["answer_due_at"],
                name="ledger_answer_changed",
                condition=models.Q(answer_changed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.serial


class Revocation(models.Model):
    """A certificate that must not be trusted (RFC 5280 §5.3); released from hold, the row goes."""

    entry = models.OneToOneField(LedgerEntry, models.PROTECT, related_name="revocation")
    key = models.ForeignKey(AuthorityKey, models.PROTECT, related_name="+", db_index=False)
    shard = models.PositiveIntegerField()
    serial = models.CharField(max_length=40)
    reason = models.CharField(max_length=30, choices=RevocationReason.choices)
    revoked_at = models.DateTimeField()
    invalidity_at = models.DateTimeField(null=True)
    not_after = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes: ClassVar[list[models.Index]] = [
            # What one CRL is made of.
            models.Index(fields=["key", "shard", "not_after"], name="revocation_of_shard")
        ]

    def __str__(self) -> str:
        return self.serial


class BlockedKey(models.Model):
    """A public key that nothing is signed for any more, because somebody else may have its other
    half.
    """

    public_key_hash = models.CharField(max_length=64, primary_key=True)
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.public_key_hash
