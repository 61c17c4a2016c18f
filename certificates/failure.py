"""What becomes of an order that could not be carried out: tried again later, or failed with a
reason.
"""

import logging

from django.db import InterfaceError, OperationalError, transaction

from certificates.choices import OrderKind, OrderState
from certificates.models import Certificate
from certificates.watch import OrderWatch
from certmate.audit.services import record
from certmate.core import clock, renewal
from certmate.core.errors import CertMateError, Deferred, LeaseLost

logger = logging.getLogger(__name__)


def record_failure(watch: OrderWatch, error: CertMateError) -> None:
    """Write the failure to the order; a LeaseLost on the way means that it is no longer ours to
    write.
    """
    try:
        with transaction.atomic():
            _try_later(watch, error) if error.retryable else _fail(watch, error)
    except LeaseLost:
        logger.warning(
            "Order %s was taken over while it failed with %s.", watch.order.pk, error.code
        )
    except (OperationalError, InterfaceError):
        # The lease runs out and the sweep takes the order up again.
        logger.warning("Order %s: its failure could not be written.", watch.order.pk)


def _try_later(watch: OrderWatch, error: CertMateError) -> None:
    attempts = watch.order.attempts + 1
    delay = renewal.retry_delay(attempts, error.retry_after, clock.jitter)
    if isinstance(error, Deferred):
        # That was no attempt, and waiting longer than it has to would leave its turn unused.
        attempts, delay = watch.order.attempts, error.retry_after or delay
    next_attempt_at = clock.now() + delay
    watch.write(
        state=OrderState.WAITING,
        attempts=attempts,
        next_attempt_at=next_attempt_at,
        lease_expires_at=None,
        **_told(error),
    )
    watch.step(
        f"{error.code}: {error.detail} Next attempt at {next_attempt_at:%Y-%m-%d %H:%M:%S} UTC."
    )


def _fail(watch: OrderWatch, error: CertMateError) -> None:
    order = watch.order
    watch.write(
        state=OrderState.FAILED,
        attempts=order.attempts + 1,
        finished_at=clock.now(),
        lease_expires_at=None,
        **_told(error),
    )
    watch.step(f"{error.code}: {error.detail}")
    certificate = Certificate.objects.select_for_update().get(pk=order.certificate_id)
    record(certificate, "certificate.failed", order=order.pk, kind=order.kind, code=error.code)
    # A revocation or a reissue that failed says nothing about the renewals to come.
    if order.kind in (OrderKind.ISSUE, OrderKind.RENEW):
        count_failure(certificate, error)
        if certificate.paused_at is not None:
            watch.step("Paused after repeated failures; resume it when the cause is mended.")


def count_failure(certificate: Certificate, error: CertMateError) -> None:
    """Put the next renewal off, and after some permanent failures in a row pause the certificate.

    The row has to be held by the caller's transaction.
    """
    certificate.failures += 1
    delay = renewal.retry_delay(certificate.failures + 1, error.retry_after, clock.jitter)
    certificate.retry_at = clock.now() + delay
    if certificate.failures >= renewal.PAUSE_AFTER and certificate.paused_at is None:
        certificate.paused_at = clock.now()
        certificate.pause_reason = f"{error.code}: {error.detail}"[:500]
        record(certificate, "certificate.paused", code=error.code)
    certificate.save(
        update_fields=["failures", "retry_at", "paused_at", "pause_reason", "updated_at"]
    )


def _told(error: CertMateError) -> dict[str, object]:
    return {
        "error_code": error.code,
        "error_detail": error.detail,
        "error_identifiers": error.identifiers,
    }
