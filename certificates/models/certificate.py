"""The certificate that is to be kept valid, and the versions of it that were issued."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction

from certificates.choices import CertificateState, ChallengeType, RevocationReason
from certificates.querysets import CertificateQuerySet
from certmate.access.models import Team
from certmate.pki.keys import KeyType
from providers.models import Authority, CAAccount, DNSAccount, LedgerEntry, Profile
from storage.models import StorageTarget


def key_type_choices() -> list[tuple[str, str]]:
    return [(key_type.value, key_type.value) for key_type in KeyType]


class Issued(models.Model):
    """What comes from one account at a CA, or from one private authority."""

    ca_account = models.ForeignKey(
        CAAccount,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name="CA account",
    )
    authority = models.ForeignKey(
        Authority, models.PROTECT, related_name="+", null=True, blank=True
    )

    class Meta:
        abstract = True

    @property
    def issued_by(self) -> CAAccount | Authority:
        """The one of both that there is: a constraint of each table says so."""
        return self.ca_account or self.authority  # type: ignore[return-value]


class Wanted(Issued):
    """What is asked of a CA or an authority. A certificate holds what is wanted now, an order what
    it was placed for.

    Profile and validity are an authority's; the CA's own profile and proof of control are a CA's.
    """

    names = models.JSONField(
        help_text="The primary name first, in the form in which the CA sees them."
    )
    profile = models.ForeignKey(Profile, models.PROTECT, related_name="+", null=True, blank=True)
    validity_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Empty: as the profile says."
    )
    ca_profile = models.CharField(
        "profile at the CA", max_length=64, blank=True, help_text="Empty: as the CA account says."
    )
    dns_account = models.ForeignKey(
        DNSAccount,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name="DNS account",
    )
    challenge_type = models.CharField(
        max_length=10, choices=ChallengeType.choices, default=ChallengeType.DNS_01, blank=True
    )
    key_type = models.CharField(
        max_length=10, choices=key_type_choices, default=KeyType.EC256.value
    )
    csr = models.TextField("certificate signing request (PEM)", blank=True)

    class Meta:
        abstract = True

    @property
    def domain(self) -> str:
        return str(self.names[0]) if self.names else ""


def one_issuer(name: str) -> models.CheckConstraint:
    """That a table of `Wanted` names a CA account with a way to prove control, or an authority with
    a profile.
    """
    ca = models.Q(authority=None, profile=None, validity_days=None, ca_account__isnull=False)
    authority = models.Q(authority__isnull=False, profile__isnull=False, challenge_type="")
    return models.CheckConstraint(
        condition=(ca & ~models.Q(challenge_type="")) | (authority & models.Q(ca_account=None)),
        name=name,
    )


class Certificate(Wanted):
    """A certificate to keep valid: its names, issuer, proof of control, key policy, storage and
    renewal.
    """

    access_parents: ClassVar[tuple[str, ...]] = (
        "team",
        "ca_account",
        "authority",
        "dns_account",
        "storage_target",
    )
    access_names: ClassVar[str] = "alt_names"

    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=255, unique=True)
    storage_target = models.ForeignKey(StorageTarget, models.PROTECT, related_name="certificates")
    state = models.CharField(
        max_length=10, choices=CertificateState.choices, default=CertificateState.PENDING
    )
    auto_renew = models.BooleanField("renew automatically", default=True)
    renewal_days = models.PositiveSmallIntegerField(
        "renew this many days before expiry",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="Empty: when the CA suggests, else with a third of the lifetime left.",
    )
    tags = models.JSONField(default=list, blank=True)
    current_version = models.OneToOneField(
        "Version", models.SET_NULL, related_name="+", null=True, blank=True, editable=False
    )
    # A copy of the current version's, so that lists sort and filter by it in one index.
    expires_at = models.DateTimeField(null=True, editable=False)
    renew_at = models.DateTimeField("renewal due", null=True, editable=False)
    retry_at = models.DateTimeField("not before", null=True, editable=False)
    renewal_poll_at = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveSmallIntegerField(
        "permanent failures in a row", default=0, editable=False
    )
    paused_at = models.DateTimeField(null=True, editable=False)
    pause_reason = models.CharField(max_length=500, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        permissions = [
            ("renew_certificate", "Can renew and reissue certificate"),
            ("revoke_certificate", "Can revoke certificate"),
            ("download_certificate", "Can download certificate"),
            ("export_key_certificate", "Can export private key of certificate"),
            ("administer_certificate", "Can administer certificate"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [one_issuer("certificate_one_issuer")]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["expires_at", "id"], name="certificate_expiry"),
            models.Index(fields=["state", "expires_at"], name="certificate_state_expiry"),
            # Exactly what the sweeps ask for. No condition on the state: SQLite cannot match one
            # that a query passes as a parameter, so what is not to be renewed has no such instant.
            models.Index(
                fields=["renew_at"],
                name="certificate_renewal_due",
                condition=models.Q(auto_renew=True, paused_at=None),
            ),
            models.Index(
                fields=["renewal_poll_at"],
                name="certificate_renewal_poll",
                condition=models.Q(auto_renew=True, paused_at=None),
            ),
            models.Index(
                fields=["paused_at"],
                name="certificate_paused",
                condition=models.Q(paused_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keeps the rows that its names are looked up by beside it."""
        fields = kwargs.get("update_fields")
        with transaction.atomic():
            super().save(*args, **kwargs)
            if fields is None or "names" in fields:
                AltName.keep(self)

    def days_left(self, now: datetime) -> int | None:
        """Whole days until expiry, negative after it; None before the first issuance."""
        return None if self.expires_at is None else (self.expires_at - now) // timedelta(days=1)

    def needs_renewal(self, now: datetime) -> bool:
        return (
            self.state == CertificateState.ACTIVE
            and self.renew_at is not None
            and self.renew_at <= now
        )


class AltName(models.Model):
    """One name of a certificate as it is wanted now (RFC 5280 §4.2.1.6), to be looked up by.

    `reversed` is the value backwards: everything below a domain begins alike in it.
    """

    access_via: ClassVar[str] = "certificate"

    certificate = models.ForeignKey(Certificate, models.CASCADE, related_name="alt_names")
    value = models.CharField(max_length=255, db_index=True)
    reversed = models.CharField(max_length=255)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["certificate", "value"], name="alt_name_unique")
        ]

    def __str__(self) -> str:
        return self.value

    @staticmethod
    def keep(certificate: Certificate) -> None:
        """Make the rows of the certificate those of its names."""
        wanted = set(certificate.names)
        rows = AltName.objects.filter(certificate=certificate)
        kept = set(rows.values_list("value", flat=True))
        if kept - wanted:
            rows.exclude(value__in=wanted).delete()
        AltName.objects.bulk_create(
            AltName(certificate=certificate, value=name, reversed=name[::-1])
            for name in sorted(wanted - kept)
        )


class Version(Issued):
    """One X.509 certificate that was issued for a certificate. Its key is at its storage target
    only.

    `entry` is the line of an authority's ledger that it stands in.
    """

    access_via: ClassVar[str] = "certificate"

    certificate = models.ForeignKey(Certificate, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    order = models.OneToOneField(
        "Order", models.SET_NULL, related_name="version_made", null=True, editable=False
    )
    entry = models.OneToOneField(
        LedgerEntry, models.PROTECT, related_name="+", null=True, editable=False
    )
    storage_target = models.ForeignKey(StorageTarget, models.PROTECT, related_name="versions")
    names = models.JSONField()
    serial = models.CharField("serial number", max_length=40, db_index=True)
    fingerprint = models.CharField("SHA-256 fingerprint", max_length=64, unique=True)
    issuer = models.CharField(max_length=500)
    not_before = models.DateTimeField("valid from")
    not_after = models.DateTimeField("valid until")
    key_algorithm = models.CharField(max_length=20)
    key_size = models.PositiveIntegerField()
    public_key_hash = models.CharField("SHA-256 of the public key", max_length=64, db_index=True)
    has_private_key = models.BooleanField(default=True)
    cert = models.TextField("certificate (PEM)")
    chain = models.TextField("chain (PEM)", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    stored_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revocation_reason = models.CharField(
        max_length=30, choices=RevocationReason.choices, blank=True
    )

    class Meta:
        ordering = ("-number",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["certificate", "number"], name="version_number_unique"),
            models.CheckConstraint(
                condition=models.Q(ca_account__isnull=False, authority=None, entry=None)
                | models.Q(ca_account=None, authority__isnull=False, entry__isnull=False),
                name="version_one_issuer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.certificate.name} version {self.number}"
