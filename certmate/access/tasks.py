"""The tasks by which messages and the scheduler reach the approvals."""

from celery import shared_task

from certmate.access.services import approvals


@shared_task(name="access.carry_out")
def carry_out(approval_id: int) -> None:
    """Do what was approved."""
    approvals.carry_out(approval_id)


@shared_task(name="access.sweep_approvals")
def sweep_approvals() -> None:
    approvals.sweep()
