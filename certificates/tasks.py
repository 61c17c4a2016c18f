from celery import shared_task

from certificates import execution, sweeps


@shared_task(name="certificates.run_order")
def run_order(order_id: int) -> None:
    execution.run_order(order_id)


@shared_task(name="certificates.sweep_orders")
def sweep_orders() -> None:
    sweeps.sweep_orders()


@shared_task(name="certificates.renew_due")
def renew_due() -> None:
    sweeps.renew_due()


@shared_task(name="certificates.poll_renewal_windows")
def poll_renewal_windows() -> None:
    sweeps.poll_renewal_windows()
