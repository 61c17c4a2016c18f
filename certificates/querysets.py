"""Which rows: query verbs that take the present instant, so that a test can ask about any."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Exists, OuterRef, Q

from certificates.choices import OPEN_STATES, OrderState

if TYPE_CHECKING:
    from certificates.models import Certificate, Order  # noqa: F401 - named in strings below


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def renewing(self) -> "CertificateQuerySet":
        """Those that CertMate keeps valid by itself, while they have an instant for it."""
        return self.filter(auto_renew=True, paused_at=None)

    def due(self, now: datetime) -> "CertificateQuerySet":
        """Those whose renewal is due and not under way, the most urgent first."""
        orders = self.model._meta.get_field("orders").related_model
        under_way = orders._default_manager.filter(
            certificate=OuterRef("pk"), state__in=OPEN_STATES
        )
        waits = Q(retry_at__gt=now)
        due = self.renewing().filter(~Exists(under_way), ~waits, renew_at__lte=now)
        return due.order_by("renew_at")

    def to_poll(self, now: datetime) -> "CertificateQuerySet":
        """Those for which the CA is to be asked again when to renew (RFC 9773 §4.3)."""
        asked = self.renewing().filter(renewal_poll_at__lte=now, renewal_days=None)
        return asked.filter(expires_at__gt=now).order_by("renewal_poll_at")

    def expiring(self, now: datetime, within: timedelta) -> "CertificateQuerySet":
        return self.filter(expires_at__gt=now, expires_at__lte=now + within)

    def expired(self, now: datetime) -> "CertificateQuerySet":
        return self.filter(expires_at__lte=now)


class OrderQuerySet(models.QuerySet["Order"]):
    def open(self) -> "OrderQuerySet":
        return self.filter(state__in=OPEN_STATES)

    def with_proofs(self) -> "OrderQuerySet":
        """With the names of the DNS accounts that prove names of theirs."""
        proofs = self.model._meta.get_field("proofs").related_model._default_manager
        rows = proofs.select_related("dns_account").defer("dns_account__credentials")
        return self.prefetch_related(models.Prefetch("proofs", rows))

    def claimable(self, now: datetime) -> "OrderQuerySet":
        """Due and held by nobody: waiting in the queue, or held by a worker that went silent."""
        due = Q(state__in=(OrderState.QUEUED, OrderState.WAITING), next_attempt_at__lte=now)
        orphaned = Q(state=OrderState.RUNNING, lease_expires_at__lte=now)
        return self.filter(due | orphaned)
