"""The client certificate that an identity shall have, and the versions of it that were issued."""

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from certmate.access.models import Team
from certmate.access.verbs import Verb, permissions
from certmate.core.fields import EncryptedJSONField
from clients.choices import ClientState, Method
from clients.models.identities import Identity
from clients.querysets import ClientCertificateQuerySet
from providers.choices import RevocationReason
from providers.models import Authority, LedgerEntry, Profile
from providers.models.authorities import key_type_choices
from storage.models import StorageTarget


class ClientCertificate(models.Model):
    """What is asked of an authority for one holder, and how it is kept.

    `subject` and `alt_names` are what was asked for; what the certificate says is in its version.
    Without an authority it was issued elsewhere and uploaded.
    """

    access_parents: ClassVar[tuple[str, ...]] = (
        "team",
        "identity",
        "authority",
        "storage_target",
    )

    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    identifier = models.CharField(max_length=200, unique=True)
    identity = models.ForeignKey(
        Identity, models.PROTECT, null=True, blank=True, related_name="certificates"
    )
    authority = models.ForeignKey(
        Authority, models.PROTECT, null=True, blank=True, related_name="client_certificates"
    )
    profile = models.ForeignKey(
        Profile, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    storage_target = models.ForeignKey(
        StorageTarget, models.PROTECT, related_name="client_certificates"
    )
    certificate_type = models.CharField(max_length=20)
    method = models.CharField(max_length=10, choices=Method.choices, default=Method.DIRECT)
    state = models.CharField(
        max_length=10, choices=ClientState.choices, default=ClientState.PENDING
    )
    # An index of its own: Django then makes one for prefixes on PostgreSQL as well.
    common_name = models.CharField(max_length=64, blank=True, db_index=True)
    subject = models.JSONField(default=dict, blank=True)
    alt_names = models.JSONField("alternative names", default=dict, blank=True)
    key_type = models.CharField(max_length=10, choices=key_type_choices, blank=True)
    validity_days = models.PositiveIntegerField(null=True, blank=True)
    csr = models.TextField("certificate signing request (PEM)", blank=True)
    auto_renew = models.BooleanField("renew automatically", default=True)
    renewal_days = models.PositiveSmallIntegerField(
        "renew this many days before expiry",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="Empty: with a third of the lifetime left.",
    )
    tags = models.JSONField(default=list, blank=True)
    notes = models.TextField(blank=True)
    current_version = models.OneToOneField(
        "ClientVersion", models.SET_NULL, related_name="+", null=True, blank=True, editable=False
    )
    # A copy of the current version's, so that lists sort and filter by it in one index.
    expires_at = models.DateTimeField(null=True, editable=False)
    renew_at = models.DateTimeField("renewal due", null=True, editable=False)
    retry_at = models.DateTimeField("not before", null=True, editable=False)
    renewal_error = models.CharField(max_length=500, blank=True, editable=False)
    # Since when a person has to act, because the key is not here or renewal was refused.
    notice_at = models.DateTimeField("somebody has to act since", null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        db_index=False,
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ClientCertificateQuerySet.as_manager()

    class Meta:
        ordering = ("identifier",)
        permissions = [
            *permissions(
                "clientcertificate",
                "client certificate",
                Verb.RENEW,
                Verb.REVOKE,
                Verb.DOWNLOAD,
                Verb.EXPORT_KEY,
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["certificate_type", "identifier"], name="client_type"),
            models.Index(fields=["expires_at", "id"], name="client_expiry"),
            models.Index(fields=["state", "expires_at"], name="client_state_expiry"),
            # Exactly what the sweep asks for.
            models.Index(
                fields=["renew_at"],
                name="client_renewal_due",
                condition=models.Q(renew_at__isnull=False, notice_at=None),
            ),
            models.Index(
                fields=["notice_at"],
                name="client_notice",
                condition=models.Q(notice_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.identifier

    @property
    def has_own_key(self) -> bool:
        """Whether CertMate makes its keys, so that it can renew it alone."""
        return self.method == Method.DIRECT

    def days_left(self, now: datetime) -> int | None:
        """Whole days until expiry, negative after it; None before the first issuance."""
        return None if self.expires_at is None else (self.expires_at - now) // timedelta(days=1)


class ClientVersion(models.Model):
    """One X.509 certificate of a client certificate. `entry` is its line in the authority's ledger,
    which has its bytes; `cert` and `chain` are for one that was issued elsewhere.
    """

    access_via: ClassVar[str] = "certificate"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    certificate = models.ForeignKey(
        ClientCertificate, models.CASCADE, related_name="versions", db_index=False
    )
    number = models.PositiveIntegerField()
    entry = models.OneToOneField(
        LedgerEntry, models.PROTECT, null=True, related_name="client_version"
    )
    storage_target = models.ForeignKey(
        StorageTarget, models.PROTECT, related_name="+", db_index=False
    )
    serial = models.CharField("serial number", max_length=40, db_index=True)
    fingerprint = models.CharField("SHA-256 fingerprint", max_length=64, db_index=True)
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=500, blank=True)
    not_before = models.DateTimeField("valid from")
    not_after = models.DateTimeField("valid until")
    key_algorithm = models.CharField(max_length=20)
    key_size = models.PositiveIntegerField()
    public_key_hash = models.CharField("SHA-256 of the public key", max_length=64)
    has_private_key = models.BooleanField(default=True)
    cert = models.TextField("certificate (PEM)", blank=True)
    chain = models.TextField("chain (PEM)", blank=True)
    created_at = models.DateTimeField()
    stored_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revocation_reason = models.CharField(
        max_length=30, choices=RevocationReason.choices, blank=True
    )

    class Meta:
        ordering = ("-number",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["certificate", "number"], name="client_version_number_unique"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            # What is still to be stored.
            models.Index(
                fields=["created_at"],
                name="client_version_unstored",
                condition=models.Q(stored_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.certificate.identifier} version {self.number}"


class PendingKey(models.Model):
    """A private key on its way to its storage target, kept encrypted until it has arrived."""

    access_via: ClassVar[str] = "version"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.OneToOneField(ClientVersion, models.CASCADE, related_name="pending_key")
    private_key = EncryptedJSONField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"key of {self.version_id}"
