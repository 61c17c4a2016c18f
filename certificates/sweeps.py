"""What beat asks for: wake orders, place renewals, ask CAs when to renew. Each pass is bounded and
idempotent.
"""

import logging
from datetime import datetime, timedelta

from django.db.models import QuerySet

from certificates.choices import OrderKind
from certificates.models import Certificate, Order
from certificates.services.placing import RUN_ORDER, place_order
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.core.errors import CertMateError
from certmate.core.jobs import enqueue
from providers import issuers
from providers.acme.runner import Unwatched
from providers.models import CAAccount

logger = logging.getLogger(__name__)

WAKE_AT_ONCE = 200
RENEW_AT_ONCE = 200
POLL_AT_ONCE = 500
POLL_AGAIN = timedelta(hours=6)
"""RFC 9773 §4.3.2 suggests 6 hours where the CA says nothing."""


def sweep_orders() -> int:
    """Wake the orders that are due and held by nobody; returns how many."""
    issuers.remove_leftovers()
    due = (
        Order.objects.claimable(clock.now())
        .order_by("next_attempt_at")
        .values_list("pk", flat=True)
    )
    woken = list(due[:WAKE_AT_ONCE])
    for order_id in woken:
        enqueue(RUN_ORDER, order_id)
    return len(woken)


def renew_due() -> int:
    """Place an order for each certificate whose renewal is due; returns how many.

    One that cannot be ordered (its DNS account lost the zone) is put off and does not stop the
    rest.
    """
    now = clock.now()
    due = Certificate.objects.due(now).select_related("ca_account", "dns_account")[:RENEW_AT_ONCE]
    return sum(_renew(certificate, now) for certificate in due)


def _renew(certificate: Certificate, now: datetime) -> bool:
    try:
        place_order(certificate, OrderKind.RENEW, actor=Actor.system())
    except CertMateError as error:
        logger.warning("%s cannot be renewed: %s: %s", certificate.name, error.code, error.detail)
        Certificate.objects.filter(pk=certificate.pk).update(renew_at=now + timedelta(days=1))
        return False
    return True


def poll_renewal_windows() -> int:
    """Ask each CA about the certificates that are due to be asked about; returns how many were."""
    now = clock.now()
    due = Certificate.objects.to_poll(now).select_related("current_version")
    accounts = CAAccount.objects.filter(pk__in=due.values("current_version__ca_account"))
    return sum(
        _poll(account, due.filter(current_version__ca_account=account), now) for account in accounts
    )


def _poll(account: CAAccount, due: QuerySet[Certificate], now: datetime) -> int:
    certificates = [c for c in due[:POLL_AT_ONCE] if c.current_version]
    certs = [c.current_version.cert for c in certificates if c.current_version]
    try:
        windows = issuers.renewal_windows(account=account, certs=certs, watch=Unwatched())
    except CertMateError as error:
        logger.warning("%s did not say when to renew: %s: %s", account, error.code, error.detail)
        windows = [(None, now + POLL_AGAIN)] * len(certificates)
    for certificate, (renew_at, poll_at) in zip(certificates, windows, strict=True):
        # Fenced by the version that was asked about; update() because advice is not an edit.
        row = Certificate.objects.filter(
            pk=certificate.pk, current_version=certificate.current_version_id
        )
        row.update(renewal_poll_at=max(poll_at, now + timedelta(minutes=1)))
        if renew_at is not None:
            row.update(renew_at=renew_at)
    return len(certificates)
