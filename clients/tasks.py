"""The tasks by which messages and the scheduler reach what this app does by itself."""

from celery import shared_task

from clients import batching, storing, sweeps


@shared_task(name="clients.renew_due")
def renew_due() -> None:
    sweeps.renew_due()


@shared_task(name="clients.store_unstored")
def store_unstored() -> None:
    storing.store_unstored()


@shared_task(name="clients.run_batch")
def run_batch(batch_id: int) -> None:
    batching.run_batch(batch_id)


@shared_task(name="clients.sweep_batches")
def sweep_batches() -> None:
    batching.sweep_batches()
