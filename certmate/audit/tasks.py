"""The tasks by which the scheduler reaches the audit log."""

from celery import shared_task

from certmate.audit import retention, sealing, verification


@shared_task(name="audit.seal")
def seal() -> None:
    sealing.seal()


@shared_task(name="audit.verify")
def verify() -> None:
    verification.verify_fully()


@shared_task(name="audit.prune")
def prune() -> None:
    retention.prune_by_setting()
