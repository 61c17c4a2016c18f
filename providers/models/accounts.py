"""Accounts at CAs and DNS providers, and the HTTP-01 answers that are being served."""

import uuid
from typing import Any, ClassVar

from django.core.validators import RegexValidator
from django.db import models

from certmate.access.models import Team
from certmate.access.verbs import Scope, permissions, under
from certmate.core.fields import EncryptedJSONField
from certmate.core.parameters import mask
from providers.acme.catalogue import CATALOGUE as CAS
from providers.acme.catalogue import CAProvider
from providers.dns.catalogue import CATALOGUE as DNS
from providers.dns.provider import DNSProvider

account_name = RegexValidator(
    r"\A[a-z0-9][a-z0-9._-]*\Z", "Lower-case letters, digits, dots, dashes and underscores only."
)


def ca_choices() -> list[tuple[str, str]]:
    return [(entry.slug, entry.label) for entry in CAS.values()]


def dns_choices() -> list[tuple[str, str]]:
    return [(entry.slug, entry.label) for entry in DNS.values()]


class Account(models.Model):
    """What accounts at CAs and DNS providers have in common."""

    write_scope: ClassVar[str] = Scope.ADMIN
    access_parents: ClassVar[tuple[str, ...]] = ("team",)

    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True, validators=[account_name])
    is_default = models.BooleanField("default", default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class CAAccount(Account):
    """One account at one ACME directory, registered once and used by every worker for ever.

    `account_key` is stored before the CA hears of it, so a crash during registration loses nothing:
    newAccount with the same key gives the same account (RFC 8555 §7.3.1).
    """

    provider = models.CharField(max_length=40, choices=ca_choices)
    directory_url = models.CharField("ACME directory URL", max_length=500)
    email = models.EmailField("contact e-mail", blank=True)
    eab = EncryptedJSONField(verbose_name="external account binding")
    trust_bundle = models.TextField("extra trusted CA certificates (PEM)", blank=True)
    account_key = EncryptedJSONField()
    account_uri = models.CharField(
        "account URL at the CA", max_length=500, blank=True, editable=False
    )
    registered_at = models.DateTimeField(null=True, editable=False)
    profile = models.CharField(
        max_length=64,
        blank=True,
        help_text="The CA's kind of certificate, unless one names another. Empty: the CA chooses.",
    )
    # What the CA's directory said at the registration or since: names and the CA's words about
    # them. null: it was not asked yet.
    offered_profiles = models.JSONField(null=True, editable=False)
    orders_per_hour = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="New orders an hour at most. Empty: what is known of the CA's own limits.",
    )
    paused_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "CA account"
        ordering = ("name",)
        permissions = [
            *permissions("caaccount", "CA account"),
            *under("caaccount", "CA account"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="one_default_ca_account",
            )
        ]

    @property
    def catalogue_entry(self) -> CAProvider:
        return CAS[self.provider]

    @property
    def known_profiles(self) -> list[str]:
        """The profiles that can be asked for, as far as that is known."""
        if self.offered_profiles is not None:
            return list(self.offered_profiles)
        return [profile.name for profile in self.catalogue_entry.profiles]

    @property
    def is_staging(self) -> bool:
        """Certificates of this account are for trials: browsers do not trust them."""
        return self.catalogue_entry.staging


class DNSAccount(Account):
    """Credentials at a DNS provider and the zones they can write."""

    provider = models.CharField(max_length=40, choices=dns_choices)
    credentials = EncryptedJSONField()
    zones = models.JSONField(
        default=list, blank=True, help_text="Zones that these credentials serve."
    )
    delegated_zones = models.JSONField(
        default=list,
        blank=True,
        help_text="Zones elsewhere whose challenges lead to these by CNAME.",
    )
    propagation_seconds = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="How long to wait at most until the zone's servers agree.",
    )
    verified_at = models.DateTimeField(null=True, editable=False)
    verification_error = models.TextField(blank=True, editable=False)

    class Meta:
        verbose_name = "DNS account"
        ordering = ("name",)
        permissions = [
            *permissions("dnsaccount", "DNS account"),
            *under("dnsaccount", "DNS account"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["provider"],
                condition=models.Q(is_default=True),
                name="one_default_dns_account_a_provider",
            )
        ]

    @property
    def catalogue_entry(self) -> DNSProvider:
        return DNS[self.provider]

    @property
    def served(self) -> list[str]:
        """The zones whose names this account proves. None at all means: any."""
        return [*self.zones, *self.delegated_zones]

    def masked_credentials(self) -> dict[str, Any]:
        """The credentials as they may be shown."""
        return mask(self.catalogue_entry.parameters, self.credentials)


class CAUse(models.Model):
    """Something that counts against a limit of the CA: an order, a set of names, a failed name.

    `subject` is the hash of the set or of the name, "" for what is counted over the whole account.
    """

    access_via: ClassVar[str] = "account"

    account = models.ForeignKey(CAAccount, models.CASCADE, related_name="uses")
    kind = models.CharField(max_length=10)
    subject = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["account", "kind", "subject", "at"], name="ca_use_of_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}"


class CATurn(models.Model):
    """Somebody who waits for the budget of a CA account; the row lapses if nobody asks again."""

    access_via: ClassVar[str] = "account"

    account = models.ForeignKey(CAAccount, models.CASCADE, related_name="turns")
    ticket = models.CharField(max_length=80)
    urgency = models.DateTimeField()
    lapses_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "ticket"], name="one_turn_a_ticket")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["account", "urgency", "id"], name="ca_turn_by_urgency"),
        ]

    def __str__(self) -> str:
        return self.ticket


class HTTPChallenge(models.Model):
    """An HTTP-01 answer that any web worker gives while an order is validated (RFC 8555 §8.3)."""

    token = models.CharField(max_length=128, primary_key=True)
    key_authorization = models.CharField(max_length=255)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.token
