"""Who signs OCSP answers for an authority's key, and the answers that are ready."""

import uuid
from typing import ClassVar

from django.db import models

from certmate.core.fields import EncryptedJSONField
from providers.models.authorities import AuthorityKey
from providers.models.ledger import LedgerEntry


class Responder(models.Model):
    """A key on P-256 that may sign OCSP answers for one key of an authority (RFC 6960 §4.2.2.2).

    Its certificate is its line of the ledger. One that another has taken the place of has no
    private key any more; its certificate goes along with what it has signed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.ForeignKey(AuthorityKey, models.CASCADE, related_name="responders")
    entry = models.OneToOneField(LedgerEntry, models.PROTECT, related_name="+")
    private_key = EncryptedJSONField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["key"],
                condition=models.Q(retired_at=None),
                name="one_responder_of_a_key",
            )
        ]

    def __str__(self) -> str:
        return f"OCSP responder of {self.key}"


class OCSPResponse(models.Model):
    """What is answered about one certificate to those who name its issuer by SHA-1 and by SHA-256:
    signed, but without the responder's certificate.

    Whatever changes the truth about the certificate deletes the row in the same transaction.
    """

    entry = models.OneToOneField(
        LedgerEntry, models.CASCADE, primary_key=True, related_name="ocsp_response"
    )
    key = models.ForeignKey(AuthorityKey, models.CASCADE, related_name="+", db_index=False)
    serial = models.CharField(max_length=40)
    responder = models.ForeignKey(Responder, models.CASCADE, related_name="+")
    sha1 = models.BinaryField("to who uses SHA-1")
    sha256 = models.BinaryField("to who uses SHA-256")
    this_update = models.DateTimeField()
    next_update = models.DateTimeField()

    class Meta:
        verbose_name = "OCSP response"
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # What a request asks for.
            models.UniqueConstraint(fields=["key", "serial"], name="ocsp_response_unique")
        ]

    def __str__(self) -> str:
        return self.serial
