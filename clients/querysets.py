"""Which rows: query verbs that take the present instant, so that a test can ask about any."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from clients.choices import OPEN_BATCHES, BatchState

if TYPE_CHECKING:
    from clients.models import Batch, ClientCertificate  # noqa: F401 - named in strings below


class ClientCertificateQuerySet(models.QuerySet["ClientCertificate"]):
    def due(self, now: datetime) -> "ClientCertificateQuerySet":
        """Those whose renewal is due and that nobody was told of, the most urgent first."""
        waits = Q(retry_at__gt=now)
        found = self.filter(~waits, renew_at__isnull=False, renew_at__lte=now, notice_at=None)
        return found.order_by("renew_at")

    def expiring(self, now: datetime, within: timedelta) -> "ClientCertificateQuerySet":
        return self.filter(expires_at__gt=now, expires_at__lte=now + within)

    def expired(self, now: datetime) -> "ClientCertificateQuerySet":
        return self.filter(expires_at__lte=now)


class BatchQuerySet(models.QuerySet["Batch"]):
    def open(self) -> "BatchQuerySet":
        return self.filter(state__in=OPEN_BATCHES)

    def claimable(self, now: datetime) -> "BatchQuerySet":
        """Waiting in the queue, or held by a worker that went silent."""
        waiting = Q(state=BatchState.QUEUED)
        orphaned = Q(state=BatchState.RUNNING, lease_expires_at__lte=now)
        return self.filter(waiting | orphaned)
