"""What beat asks for: wake orders, place renewals, ask CAs when to renew. Each pass is bounded and
idempotent.
"""

import logging
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from certificates.choices import OrderKind, OrderState
from certificates.failure import count_failure
from certificates.models import Certificate, Order, Version
from certificates.services.placing import RUN_ORDER, place_order, wake
from certmate.access.actors import Actor
from certmate.core import clock, renewal
from certmate.core.errors import CertMateError
from certmate.core.jobs import enqueue
from providers import issuers
from providers.acme.runner import Unwatched
from providers.models import CAAccount

logger = logging.getLogger(__name__)

WAKE_AT_ONCE = 200
RENEW_AT_ONCE = 200
POLL_AT_ONCE = 500
POLL_EARLIEST, POLL_LATEST = timedelta(minutes=1), timedelta(days=1)
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


def first_due() -> int | None:
    """The order that has waited longest and that nobody holds."""
    due = Order.objects.claimable(clock.now()).order_by("next_attempt_at")
    return due.values_list("pk", flat=True).first()


def renew_due() -> int:
    """Place an order for each certificate whose renewal is due; returns how many were dealt with.

    One that cannot be ordered (its DNS account lost the zone) is put off, and paused after some
    attempts; it does not stop the rest.
    """
    due = Certificate.objects.due(clock.now()).values_list("pk", flat=True)[:RENEW_AT_ONCE]
    dealt_with = 0
    for certificate_id in list(due):
        try:
            _renew(certificate_id)
            dealt_with += 1
        except (OperationalError, InterfaceError):
            logger.warning("Certificate %s: the database failed; it is still due.", certificate_id)
    return dealt_with


@transaction.atomic
def _renew(certificate_id: int) -> None:
    # Looked at again under a lock: another sweep may have come first.
    due = Certificate.objects.due(clock.now()).select_for_update(of=("self",))
    certificate = due.filter(pk=certificate_id).first()
    if certificate is None:
        return
    unstored = certificate.orders.filter(
        state=OrderState.FAILED, version_made__isnull=False, version_made__stored_at=None
    )
    try:
        if order := unstored.first():
            # What the CA has issued is stored before it is asked for more.
            wake(order, actor=Actor.system())
        else:
            place_order(certificate, OrderKind.RENEW, actor=Actor.system())
    except CertMateError as error:
        logger.warning("%s cannot be renewed: %s: %s", certificate.name, error.code, error.detail)
        count_failure(certificate, error)


def poll_renewal_windows() -> int:
    """Ask each CA about the certificates that are due to be asked about; returns how many were."""
    now = clock.now()
    due = Certificate.objects.to_poll(now)
    accounts = CAAccount.objects.filter(pk__in=due.values("current_version__ca_account"))
    return sum(_poll(account, due, now) for account in accounts)


def _poll(account: CAAccount, due: QuerySet[Certificate], now: datetime) -> int:
    chosen = due.filter(current_version__ca_account=account).values_list("pk", flat=True)
    ids = list(chosen[:POLL_AT_ONCE])
    # Ahead of the answer, so that a run that overlaps with this one asks about others.
    Certificate.objects.filter(pk__in=ids).update(renewal_poll_at=now + POLL_AGAIN)
    certificates = list(Certificate.objects.filter(pk__in=ids).select_related("current_version"))
    versions = [c.current_version for c in certificates if c.current_version is not None]
    try:
        windows = issuers.renewal_windows(
            account=account, certs=[version.cert for version in versions], watch=Unwatched()
        )
    except CertMateError as error:
        logger.warning("%s did not say when to renew: %s: %s", account, error.code, error.detail)
        return len(ids)
    for version, (suggested, poll_at) in zip(versions, windows, strict=True):
        _take_advice(version, suggested, poll_at, now)
    return len(ids)


def _take_advice(
    version: Version, suggested: datetime | None, poll_at: datetime, now: datetime
) -> None:
    """Keep what the CA said, within reason, if the version is still the current one."""
    # update() because advice is not an edit; fenced by what was asked about.
    row = Certificate.objects.filter(current_version=version, renewal_days=None)
    row.update(renewal_poll_at=min(max(poll_at, now + POLL_EARLIEST), now + POLL_LATEST))
    if suggested is not None:
        row.update(renew_at=min(suggested, renewal.latest(version.not_before, version.not_after)))
