"""The tasks by which messages and the scheduler reach storage."""

from celery import shared_task

from storage import migrating, mirroring, rebuilding, services


@shared_task(name="storage.run_migration")
def run_migration(migration_id: int) -> None:
    migrating.run_migration(migration_id)


@shared_task(name="storage.sweep_migrations")
def sweep_migrations() -> None:
    migrating.sweep_migrations()


@shared_task(name="storage.run_rebuild")
def run_rebuild(rebuild_id: int) -> None:
    rebuilding.run_rebuild(rebuild_id)


@shared_task(name="storage.sweep_rebuilds")
def sweep_rebuilds() -> None:
    rebuilding.sweep_rebuilds()


@shared_task(name="storage.run_mirror")
def run_mirror(mirror_id: int) -> None:
    mirroring.run_mirror(mirror_id)


@shared_task(name="storage.sweep_mirrors")
def sweep_mirrors() -> None:
    mirroring.sweep_mirrors()


@shared_task(name="storage.touch_targets")
def touch_targets() -> None:
    services.touch_targets()
