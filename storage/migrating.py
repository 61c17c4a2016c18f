"""Migrations carried out: every bundle of a target copied to another, whoever is killed when.

The rows say what is left. A bundle is copied with all its versions, the current one last, and read
back before its row says so; to copy it once more changes nothing. What names the source is made to
name the destination after that, so that no key is looked for where it is not.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, F, Q

from certmate.audit.services import record_many
from certmate.core import clock
from certmate.core.errors import CertMateError
from certmate.core.stopping import is_stopping
from storage.backends.base import BundleRef
from storage.choices import ItemState, WorkState
from storage.copying import Copied, copy_bundle
from storage.homes import mirrors_at_home
from storage.models import MigrationItem, Mirror, StorageMigration, StorageTarget
from storage.services import is_own_database
from storage.services.migrations import RUN_MIGRATION, is_version, naming_models
from storage.services.places import backend_of, tell_mirrors
from storage.working import AGAIN, CHUNK, WORKERS, Worker, is_general, run, sweep

WAIT_FOR_STORING = timedelta(minutes=30)
"""How long orders that were storing at the source may take to end."""

_INSERT = 500


def run_migration(migration_id: int, workers: int = WORKERS) -> None:
    """Copy what is left if nobody else is at it; what fails for a while is left to the sweep."""
    run(StorageMigration, migration_id, partial(Run, workers=workers))


def sweep_migrations() -> int:
    """Wake the migrations that wait or whose worker died; returns how many."""
    return sweep(StorageMigration, RUN_MIGRATION)


class Run(Worker[StorageMigration]):
    """One worker's work on a migration."""

    events: ClassVar = {
        WorkState.DONE: "migrated",
        WorkState.INCOMPLETE: "migration_incomplete",
        WorkState.FAILED: "migration_failed",
    }

    def __init__(self, migration: StorageMigration, token: UUID, workers: int = WORKERS) -> None:
        super().__init__(migration, token)
        self.migration = migration
        own = is_own_database(migration.source) or is_own_database(migration.destination)
        # Threads would write to one database, which takes turns anyway.
        self.workers = 1 if own else workers

    def told(self) -> tuple[StorageTarget, dict[str, Any]]:
        migration = self.migration
        counts = {"copied": migration.copied, "failed": migration.failed}
        return migration.source, {"to": migration.destination.name, **counts}

    def carry_out(self) -> None:
        self.require_still(self.migration.source, self.migration.destination)
        self.source = backend_of(self.migration.source)
        self.destination = backend_of(self.migration.destination)
        self._list()
        self._copy_all()
        if is_stopping():
            self.end(WorkState.QUEUED)
            return
        self._switch()
        if self._left() and self._look_again():
            self._copy_all()
            self._switch()
        self._finish()

    def _list(self) -> None:
        """A row for each bundle of the source that has none yet."""
        mirrored = set(
            Mirror.objects.filter(target=self.migration.source).values_list("kind", "name")
        )
        # A copy at a mirror is not at home there, and stays.
        refs = (ref for ref in self.source.list() if (ref.kind, ref.name) not in mirrored)
        while chunk := list(islice(refs, _INSERT)):
            rows = [
                MigrationItem(migration=self.migration, kind=ref.kind, name=ref.name)
                for ref in chunk
            ]
            MigrationItem.objects.bulk_create(rows, ignore_conflicts=True)
            self.extend_lease()
        self._count()

    def _copy_all(self) -> None:
        with ThreadPoolExecutor(self.workers) as pool:
            last = 0
            while not is_stopping():
                queued = MigrationItem.objects.filter(
                    migration=self.migration, state=ItemState.QUEUED, pk__gt=last
                )
                chunk = list(queued.order_by("pk")[:CHUNK])
                if not chunk:
                    return
                last = chunk[-1].pk
                self.require_still(self.migration.source, self.migration.destination)
                copy = partial(copy_bundle, self.source, self.destination)
                run = pool.map if self.workers > 1 else map
                self._note(chunk, list(run(copy, [ref_of(item) for item in chunk])))

    def _note(self, items: list[MigrationItem], outcomes: list[Copied]) -> None:
        """What came of a chunk, in one transaction. Raises what is no fault of a bundle."""
        stopped: CertMateError | None = None
        settled, events = [], []
        for item, outcome in zip(items, outcomes, strict=True):
            error = outcome.error
            if error is not None and is_general(error):
                stopped = error
                continue
            item.fingerprints = " ".join(outcome.fingerprints)
            item.state = ItemState.FAILED if error else ItemState.COPIED
            item.error_code = error.code if error else ""
            item.error_detail = error.detail[:500] if error else ""
            settled.append(item)
            if error is None:
                told = {"kind": item.kind, "name": item.name, "to": self.migration.destination.name}
                events.append((self.migration.source, "storage_target.bundle_copied", told))
        with transaction.atomic():
            _write(settled)
            failed = sum(item.state == ItemState.FAILED for item in settled)
            counts = {"copied": F("copied") + len(settled) - failed, "failed": F("failed") + failed}
            self.extend_lease(**counts)
            # Those that are at the destination by now: an order may have stored at the source.
            tell_mirrors(self.migration.destination, _current(settled))
            record_many(events)
        if stopped is not None:
            raise stopped

    def _switch(self) -> None:
        """Let everything name the destination whose bundles are there, in short transactions."""
        source, destination = self.migration.source, self.migration.destination
        # Where a mirror was, the bundles themselves are now.
        mirrors_at_home(source).filter(target=destination).delete()
        mirrors_at_home(source).update(source=destination)
        for model in naming_models():
            rows = model._default_manager.filter(storage_target=source)
            if not is_version(model):
                rows.update(storage_target=destination)
        copied = self._items(ItemState.COPIED).values_list("fingerprints", flat=True)
        found = [fingerprint for one in copied.iterator() for fingerprint in one.split()]
        for start in range(0, len(found), _INSERT):
            some = found[start : start + _INSERT]
            for model in filter(is_version, naming_models()):
                rows = model._default_manager.filter(storage_target=source, fingerprint__in=some)
                rows.update(storage_target=destination)
            self.extend_lease()

    def _left(self) -> bool:
        """Whether anything still names the source, such as what was stored there meanwhile."""
        return any(
            model._default_manager.filter(storage_target=self.migration.source).exists()
            for model in naming_models()
        )

    def _look_again(self) -> bool:
        """Put back into the queue what has got another version since it was copied."""
        self._list()
        changed = []
        for item in self._items(ItemState.COPIED).iterator():
            if not set(self.source.versions(ref_of(item))) <= set(item.fingerprints.split()):
                changed.append(item.pk)
                self.extend_lease()
        MigrationItem.objects.filter(pk__in=changed).update(state=ItemState.QUEUED)
        self._count()
        return bool(self._items(ItemState.QUEUED).exists())

    def _finish(self) -> None:
        failed = self._items(ItemState.FAILED).exists()
        left = self._left()
        begun = self.migration.started_at or clock.now()
        if left and not failed and clock.now() < begun + WAIT_FOR_STORING:
            # An order that is storing at the source right now; its version is fetched later.
            self.end(WorkState.QUEUED, next_attempt_at=clock.now() + AGAIN)
            return
        if failed or left:
            self.end(WorkState.INCOMPLETE)
            return
        if self.migration.cleans_up:
            self._clean_up()
        self.end(WorkState.DONE)

    def _clean_up(self) -> None:
        for item in self._items(ItemState.COPIED).iterator():
            ref = ref_of(item)
            # Once more: nothing goes that is not there.
            if set(self.source.versions(ref)) <= set(item.fingerprints.split()):
                self.source.delete(ref)
                MigrationItem.objects.filter(pk=item.pk).update(state=ItemState.CLEANED)
            self.extend_lease()

    def _items(self, state: ItemState) -> Any:
        return MigrationItem.objects.filter(migration=self.migration, state=state)

    def _count(self) -> None:
        counts = MigrationItem.objects.filter(migration=self.migration).aggregate(
            total=Count("pk"),
            copied=Count("pk", filter=Q(state__in=(ItemState.COPIED, ItemState.CLEANED))),
            failed=Count("pk", filter=Q(state=ItemState.FAILED)),
        )
        self.extend_lease(**counts)


def ref_of(item: MigrationItem) -> BundleRef:
    return BundleRef(item.kind, item.name)  # type: ignore[arg-type] # Checked as it is made.


def _current(items: list[MigrationItem]) -> list[tuple[BundleRef, str]]:
    """What has been made current at the destination: the version that was copied last."""
    copied = (item for item in items if item.state == ItemState.COPIED)
    return [(ref_of(item), item.fingerprints.split()[-1]) for item in copied]


def _write(items: list[MigrationItem]) -> None:
    """One statement for all, where the ORM would write one with a case for each."""
    table = MigrationItem._meta.db_table
    statement = (
        f"UPDATE {table} SET fingerprints = %s, state = %s, error_code = %s, "  # noqa: S608
        "error_detail = %s WHERE id = %s"
    )
    values: list[tuple[Any, ...]] = [
        (one.fingerprints, one.state, one.error_code, one.error_detail, one.pk) for one in items
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)
