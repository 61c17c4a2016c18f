"""The tasks by which messages and the scheduler reach migrations."""

from celery import shared_task

from storage import migrating


@shared_task(name="storage.run_migration")
def run_migration(migration_id: int) -> None:
    migrating.run_migration(migration_id)


@shared_task(name="storage.sweep_migrations")
def sweep_migrations() -> None:
    migrating.sweep_migrations()
