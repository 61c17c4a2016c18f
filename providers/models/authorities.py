"""Private CAs, and their key pairs with the certificates of these."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models

from certmate.access.verbs import Verb, permissions, under
from certmate.core.fields import EncryptedJSONField
from certmate.pki.keys import KeyType, label
from providers.authority.custody import CUSTODIES
from providers.authority.custody import choices as custody_choices
from providers.authority.custody.base import Custody
from providers.choices import AuthorityKind, AuthorityState, KeyState
from providers.models.accounts import Account


def key_type_choices() -> list[tuple[str, str]]:
    return [(key_type.value, label(key_type)) for key_type in KeyType]


class Authority(Account):
    """A private CA that CertMate runs.

    What it is called, and whose, is here; a key pair with its certificate is an `AuthorityKey`, and
    rotation adds another.
    """

    kind = models.CharField(max_length=12, choices=AuthorityKind.choices)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    subject = models.JSONField(help_text="Its distinguished name, the same for all of its keys.")
    key_type = models.CharField(max_length=10, choices=key_type_choices)
    custody = models.CharField(max_length=20, choices=custody_choices)
    validity_days = models.PositiveIntegerField()
    path_length = models.PositiveSmallIntegerField(null=True, blank=True)
    name_constraints = models.JSONField(default=dict, blank=True)
    crl_shards = models.PositiveSmallIntegerField(
        "CRL shards", default=1, help_text="Over how many CRLs its next key spreads revocations."
    )
    crl_hours = models.PositiveSmallIntegerField(
        "CRL validity in hours", default=7 * 24, help_text="A new one is made at half of it."
    )
    delta_crl_hours = models.PositiveSmallIntegerField(
        "delta CRL validity in hours",
        default=24,
        help_text="0 makes none, and neither does a key that needs a passphrase.",
    )
    ocsp_hours = models.PositiveSmallIntegerField(
        "OCSP validity in hours",
        default=96,
        help_text="Of an answer; a new one is made at half of it. 0: no OCSP.",
    )
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name_plural = "authorities"
        ordering = ("name",)
        permissions = [
            *permissions("authority", "authority", Verb.SIGN, Verb.REVOKE),
            *under("authority", "authority"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="one_default_authority",
            )
        ]

    @property
    def custody_entry(self) -> Custody:
        return CUSTODIES[self.custody]

    @property
    def is_offline(self) -> bool:
        """Whether somebody has to say a passphrase each time that it signs."""
        return self.custody_entry.needs_passphrase

    @property
    def has_delta_crls(self) -> bool:
        return self.delta_crl_hours > 0 and not self.is_offline

    @property
    def has_ocsp(self) -> bool:
        """Whether clients are answered about what it signs: not if somebody has to say a passphrase
        for each responder.
        """
        return self.ocsp_hours > 0 and not self.is_offline

    def active_key(self) -> "AuthorityKey | None":
        """The key that signs now."""
        return self.keys.filter(state=KeyState.ACTIVE).first()

    def signing_key(self) -> "AuthorityKey | None":
        """The key that signs now, among keys that are fetched already."""
        return next((key for key in self.keys.all() if key.state == KeyState.ACTIVE), None)

    def state(self, now: datetime) -> AuthorityState:
        """What it can do, by its keys as `signing_key` has them, and `judged` where it counts."""
        key = self.signing_key()
        if self.disabled_at is not None:
            return AuthorityState.DISABLED
        if key is None:
            return AuthorityState.WAITING
        if getattr(key, "is_revoked", False):
            return AuthorityState.REVOKED
        return AuthorityState.READY if key.is_valid(now) else AuthorityState.EXPIRED


class AuthorityKey(models.Model):
    """One key pair of an authority with the certificate that makes it a CA.

    `cert` is empty while an outside CA has to sign `csr`. `cross_cert` is the key certified by the
    key before it, for those who trust that one only. `first_shard` and the `crl_shards` from it on
    are CRLs of this key alone, so that the address in a certificate leads for ever to the key that
    signed it.
    """

    access_via: ClassVar[str] = "authority"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    authority = models.ForeignKey(Authority, models.CASCADE, related_name="keys")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=KeyState.choices, default=KeyState.WAITING)
    custody = models.CharField(max_length=20)
    key_type = models.CharField(max_length=10)
    private_key = EncryptedJSONField()
    public_key_hash = models.CharField("SHA-256 of the public key", max_length=64, unique=True)
    csr = models.TextField("certificate signing request (PEM)", blank=True)
    cert = models.TextField("certificate (PEM)", blank=True)
    # The key that signed it, if an authority of ours did; else the chain that came with it.
    issuer_key = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    outside_chain = models.TextField("certificates above it (PEM)", blank=True)
    cross_cert = models.TextField("cross-certificate (PEM)", blank=True)
    serial = models.CharField("serial number", max_length=40, blank=True)
    fingerprint = models.CharField("SHA-256 fingerprint", max_length=64, blank=True)
    not_before = models.DateTimeField("valid from", null=True)
    not_after = models.DateTimeField("valid until", null=True)
    first_shard = models.PositiveIntegerField()
    crl_shards = models.PositiveSmallIntegerField("CRL shards")
    created_at = models.DateTimeField(auto_now_add=True)
    # Not before that another OCSP responder is tried to be made, after one could not be.
    responder_retry_at = models.DateTimeField(null=True)
    responder_failing_since = models.DateTimeField(null=True)
    # Since when it has its certificate, which is when what is published changed.
    activated_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "authority key"
        ordering = ("-number",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["authority", "number"], name="authority_key_number_unique"
            ),
            models.UniqueConstraint(
                fields=["authority"],
                condition=models.Q(state=KeyState.ACTIVE),
                name="one_active_key_an_authority",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.authority.name} key {self.number}"

    def is_valid(self, now: datetime) -> bool:
        return self.not_after is not None and self.not_after > now

    @property
    def shards(self) -> range:
        """The numbers of its CRLs."""
        return range(self.first_shard, self.first_shard + self.crl_shards)
