"""The tasks by which messages and the scheduler reach the services."""

import threading

from celery import shared_task

from certificates import execution, sweeps
from certmate.core.stopping import is_stopping

ORDERS_AT_ONCE = 8
"""Of a worker's ten threads: orders wait for slow CAs, and the sweeps must not wait for orders."""

_slots = threading.BoundedSemaphore(ORDERS_AT_ONCE)


@shared_task(name="certificates.run_order")
def run_order(order_id: int) -> None:
    """Carry out the order and then whatever else waits; with all slots taken leave it to those."""
    if not _slots.acquire(blocking=False):
        return
    try:
        execution.run_order(order_id)
        while not is_stopping() and (waiting := sweeps.first_due()):
            execution.run_order(waiting)
    finally:
        _slots.release()


@shared_task(name="certificates.sweep_orders")
def sweep_orders() -> None:
    sweeps.sweep_orders()


@shared_task(name="certificates.renew_due")
def renew_due() -> None:
    sweeps.renew_due()


@shared_task(name="certificates.poll_renewal_windows")
def poll_renewal_windows() -> None:
    sweeps.poll_renewal_windows()
