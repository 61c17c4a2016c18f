"""Migrations carried out: every bundle of a target copied to another, whoever is killed when.

The rows say what is left. A bundle is copied with all its versions, the current one last, and read
back before its row says so; to copy it once more changes nothing. What names the source is made to
name the destination after that, so that no key is looked for where it is not.
"""

import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Coalesce

from certmate.access import policy
from certmate.access.requesters import require_still
from certmate.access.verbs import Verb
from certmate.audit.context import Context, running
from certmate.audit.services import record, record_many
from certmate.core import claims, clock
from certmate.core.errors import CertMateError, LeaseLost
from certmate.core.jobs import enqueue
from certmate.core.stopping import is_stopping
from storage.backends.base import BundleRef
from storage.choices import ItemState, MigrationState
from storage.copying import Copied, copy_bundle
from storage.models import MigrationItem, Mirror, StorageMigration
from storage.services import is_own_database
from storage.services.migrations import RUN_MIGRATION, is_version, naming_models
from storage.services.places import backend_of

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)
CHUNK = 32
WORKERS = 8
AGAIN = timedelta(minutes=1)
WAIT_FOR_STORING = timedelta(minutes=30)
"""How long orders that were storing at the source may take to end."""

WAKE_AT_ONCE = 20
_INSERT = 500
# Of the whole target and not of one bundle: the next ones would fail in the same way.
_GENERAL = {
    *("storage.credentials", "storage.missing_sdk", "storage.untrusted", "storage.endpoint"),
}


def claimable() -> Q:
    """Waiting in the queue, or held by a worker that went silent."""
    now = clock.now()
    waiting = Q(state=MigrationState.QUEUED, next_attempt_at__lte=now)
    return waiting | Q(state=MigrationState.RUNNING, lease_expires_at__lte=now)


def run_migration(migration_id: int, workers: int = WORKERS) -> None:
    """Copy what is left if nobody else is at it; what fails for a while is left to the sweep."""
    now = clock.now()
    token = claims.claim(
        StorageMigration.objects.filter(claimable()),
        migration_id,
        lease=LEASE,
        now=now,
        state=MigrationState.RUNNING,
        started_at=Coalesce("started_at", now),
    )
    if token is None:
        return
    related = ("source", "destination", "requested_by", "requested_token")
    migration = StorageMigration.objects.select_related(*related).get(pk=migration_id)
    context = Context(
        request_id=migration.request_id or f"migration-{migration.pk}",
        user=migration.requested_by,
        token=migration.requested_token,
    )
    with running(context):
        try:
            Run(migration, token, workers).carry_out()
        except LeaseLost as error:
            logger.warning("%s: stopped: %s", migration, error.detail)
        except CertMateError as error:
            _stop(migration, token, error)
        except (OperationalError, InterfaceError) as error:
            # The lease runs out, and the sweep takes it up again.
            logger.warning("%s: %s", migration, error)


def sweep_migrations() -> int:
    """Wake the migrations that wait or whose worker died; returns how many."""
    waiting = StorageMigration.objects.filter(claimable()).order_by("pk")
    woken = list(waiting.values_list("pk", flat=True)[:WAKE_AT_ONCE])
    for pk in woken:
        enqueue(RUN_MIGRATION, pk)
    return len(woken)


class Run:
    """One worker's work on a migration, under its lease."""

    def __init__(self, migration: StorageMigration, token: uuid.UUID, workers: int) -> None:
        self.migration, self.token = migration, token
        self.source = backend_of(migration.source)
        self.destination = backend_of(migration.destination)
        own = is_own_database(migration.source) or is_own_database(migration.destination)
        # Threads would write to one database, which takes turns anyway.
        self.workers = 1 if own else workers

    def carry_out(self) -> None:
        self._require_still()
        self._list()
        self._copy_all()
        if is_stopping():
            self._end(MigrationState.QUEUED, told="")
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
            self._extend_lease()
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
                self._require_still()
                copy = partial(copy_bundle, self.source, self.destination)
                run = pool.map if self.workers > 1 else map
                self._note(chunk, list(run(copy, [ref_of(item) for item in chunk])))

    def _note(self, items: list[MigrationItem], outcomes: list[Copied]) -> None:
        """What came of a chunk, in one transaction. Raises what is no fault of a bundle."""
        stopped: CertMateError | None = None
        settled, events = [], []
        for item, outcome in zip(items, outcomes, strict=True):
            error = outcome.error
            if error is not None and (error.retryable or error.code in _GENERAL):
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
            self._extend_lease(**counts)
            record_many(events)
        if stopped is not None:
            raise stopped

    def _switch(self) -> None:
        """Let everything name the destination whose bundles are there, in short transactions."""
        source, destination = self.migration.source, self.migration.destination
        Mirror.objects.filter(source=source).update(source=destination)
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
            self._extend_lease()

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
                self._extend_lease()
        MigrationItem.objects.filter(pk__in=changed).update(state=ItemState.QUEUED)
        self._count()
        return bool(self._items(ItemState.QUEUED).exists())

    def _finish(self) -> None:
        failed = self._items(ItemState.FAILED).exists()
        left = self._left()
        begun = self.migration.started_at or clock.now()
        if left and not failed and clock.now() < begun + WAIT_FOR_STORING:
            # An order that is storing at the source right now; its version is fetched later.
            self._end(MigrationState.QUEUED, told="", next_attempt_at=clock.now() + AGAIN)
            return
        if failed or left:
            self._end(MigrationState.INCOMPLETE, told="migration_incomplete")
            return
        if self.migration.cleans_up:
            self._clean_up()
        self._end(MigrationState.DONE, told="migrated")

    def _clean_up(self) -> None:
        for item in self._items(ItemState.COPIED).iterator():
            ref = ref_of(item)
            # Once more: nothing goes that is not there.
            if set(self.source.versions(ref)) <= set(item.fingerprints.split()):
                self.source.delete(ref)
                MigrationItem.objects.filter(pk=item.pk).update(state=ItemState.CLEANED)
            self._extend_lease()

    def _items(self, state: ItemState) -> Any:
        return MigrationItem.objects.filter(migration=self.migration, state=state)

    def _count(self) -> None:
        counts = MigrationItem.objects.filter(migration=self.migration).aggregate(
            total=Count("pk"),
            copied=Count("pk", filter=Q(state__in=(ItemState.COPIED, ItemState.CLEANED))),
            failed=Count("pk", filter=Q(state=ItemState.FAILED)),
        )
        self._extend_lease(**counts)

    def _extend_lease(self, **values: Any) -> None:
        """Raises LeaseLost if another worker has it, or it was cancelled."""
        expires = clock.now() + LEASE
        claims.fenced(
            StorageMigration, self.migration.pk, self.token, lease_expires_at=expires, **values
        )

    def _require_still(self) -> None:
        """Raise AccessDenied (`access.withdrawn`) if whoever asked may not do so any more."""
        places = (self.migration.source, self.migration.destination)
        require_still(
            self.migration,
            lambda actor: all(policy.allowed(actor, Verb.CHANGE, place) for place in places),
        )

    def _end(self, state: MigrationState, *, told: str, **values: Any) -> None:
        ended = None if state == MigrationState.QUEUED else clock.now()
        free = {"lease_token": None, "lease_expires_at": None, "finished_at": ended}
        with transaction.atomic():
            claims.fenced(
                StorageMigration,
                self.migration.pk,
                self.token,
                state=state,
                error_code="",
                error_detail="",
                **free,
                **values,
            )
            if told:
                self.migration.refresh_from_db(fields=["copied", "failed"])
                record(
                    self.migration.source,
                    f"storage_target.{told}",
                    to=self.migration.destination.name,
                    copied=self.migration.copied,
                    failed=self.migration.failed,
                )


def ref_of(item: MigrationItem) -> BundleRef:
    return BundleRef(item.kind, item.name)  # type: ignore[arg-type] # Checked as it is made.


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


def _stop(migration: StorageMigration, token: uuid.UUID, error: CertMateError) -> None:
    """Back into the queue for what may pass; else the migration has failed, and says why."""
    state = MigrationState.QUEUED if error.retryable else MigrationState.FAILED
    ended = None if error.retryable else clock.now()
    try:
        with transaction.atomic():
            claims.fenced(
                StorageMigration,
                migration.pk,
                token,
                state=state,
                next_attempt_at=clock.now() + AGAIN,
                finished_at=ended,
                lease_token=None,
                lease_expires_at=None,
                error_code=error.code,
                error_detail=error.detail,
            )
            if not error.retryable:
                record(migration.source, "storage_target.migration_failed", code=error.code)
    except LeaseLost:
        logger.warning("%s was taken over while it failed with %s.", migration, error.code)
