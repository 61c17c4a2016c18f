"""Orders: the queue of work on certificates. The row says what to do next; a message only wakes."""

import uuid
from collections.abc import Sequence
from typing import ClassVar

from django.conf import settings
from django.db import models

from certificates.choices import OPEN_STATES, OrderKind, OrderState, OrderStep, RevocationReason
from certificates.models.certificate import Certificate, Version, Wanted, one_issuer
from certificates.querysets import OrderQuerySet
from certmate.access.models import ApiToken
from certmate.core.claims import Leased
from certmate.core.fields import EncryptedJSONField
from providers.models import DNSAccount


class Order(Leased, Wanted):
    """One attempt at work on a certificate, with everything it needs to be carried out or taken up
    again.
    """

    access_via: ClassVar[str] = "certificate"

    certificate = models.ForeignKey(Certificate, models.CASCADE, related_name="orders")
    kind = models.CharField(max_length=10, choices=OrderKind.choices)
    # Whether somebody named the DNS account; one that was chosen by zone is chosen anew each time.
    names_dns_account = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=OrderState.choices, default=OrderState.QUEUED)
    step = models.CharField(max_length=10, choices=OrderStep.choices, default=OrderStep.PREPARE)
    version = models.ForeignKey(
        Version, models.SET_NULL, related_name="revocation_orders", null=True, blank=True
    )
    reason = models.CharField(max_length=30, choices=RevocationReason.choices, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    requested_token = models.ForeignKey(
        ApiToken, models.SET_NULL, null=True, related_name="+", verbose_name="requested with"
    )
    # Placed by the schedule or at the command line. Without it, an order whose person was deleted
    # would look like one.
    by_system = models.BooleanField(default=False)
    request_id = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    acme_order_url = models.CharField("order URL at the CA", max_length=500, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.TextField(blank=True)
    error_identifiers = models.JSONField(default=dict, blank=True)
    client_log = models.TextField("ACME client's output at the last attempt", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["certificate"],
                condition=models.Q(state__in=OPEN_STATES),
                name="one_open_order_a_certificate",
            ),
            one_issuer("order_one_issuer"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "next_attempt_at"], name="order_state_next_attempt"),
            models.Index(fields=["state", "lease_expires_at"], name="order_state_lease"),
            models.Index(fields=["certificate", "-id"], name="order_of_certificate"),
            models.Index(fields=["state", "-id"], name="order_state"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.certificate.name} (order {self.pk})"

    @property
    def dns_accounts(self) -> list[tuple[DNSAccount, Sequence[str]]]:
        """The DNS accounts that prove its names, each with those that it proves."""
        if self.dns_account is not None:
            return [(self.dns_account, self.names)]
        return [(proof.dns_account, proof.names) for proof in self.proofs.all()]

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class OrderProof(models.Model):
    """The names of an order that one DNS account proves. An order has such rows only where it takes
    several accounts; else it names the one itself.
    """

    access_via: ClassVar[str] = "order"

    order = models.ForeignKey(Order, models.CASCADE, related_name="proofs")
    dns_account = models.ForeignKey(DNSAccount, models.PROTECT, related_name="+")
    names = models.JSONField()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.dns_account}: {', '.join(self.names)}"


class OrderKey(models.Model):
    """The private key and CSR of an order, kept encrypted from before the CA is asked until the
    bundle is stored.
    """

    access_via: ClassVar[str] = "order"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.OneToOneField(Order, models.CASCADE, related_name="key")
    private_key = EncryptedJSONField()
    csr = models.TextField()

    def __str__(self) -> str:
        return f"key of order {self.order_id}"


class OrderLog(models.Model):
    """A line of an order's log, for the person who waits for it or looks for what went wrong."""

    access_via: ClassVar[str] = "order"

    order = models.ForeignKey(Order, models.CASCADE, related_name="log")
    at = models.DateTimeField()
    step = models.CharField(max_length=10, choices=OrderStep.choices)
    message = models.TextField()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.message
