"""Migrations: everything arrives once, whatever happens on the way, and nothing goes early."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from guardian.shortcuts import assign_perm

from certificates.models import Certificate, Version
from certmate.access.actors import Actor
from certmate.access.models import Team
from certmate.core import clock
from certmate.core.errors import (
    AccessDenied,
    Conflict,
    InvalidRequest,
    UpstreamRejected,
    UpstreamUnavailable,
)
from certmate.pki.bundle import Bundle
from storage import migrating, services
from storage.backends.base import BundleRef
from storage.backends.local import LocalBackend
from storage.choices import ItemState, WorkState
from storage.models import MigrationItem, StorageMigration, StorageTarget
from storage.services.places import backend_of
from tests import factories
from tests.cast import Cast
from tests.storage import places
from tests.storage.bundles import issue

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system()


@pytest.fixture
def source() -> StorageTarget:
    return services.create_target(
        actor=SYSTEM, name="from", backend="local", parameters={"path": "certificates-from"}
    )


@pytest.fixture
def destination() -> StorageTarget:
    return services.create_target(
        actor=SYSTEM, name="to", backend="local", parameters={"path": "certificates-to"}
    )


def fill(target: StorageTarget, count: int = 3) -> dict[BundleRef, list[Bundle]]:
    """Bundles with two versions each, known to nobody else."""
    stored = {}
    for number in range(count):
        ref = BundleRef("client" if number % 2 else "server", f"n{number}.example.com")
        stored[ref] = [issue(), issue()]
        for bundle in stored[ref]:
            services.store(target=target, ref=ref, bundle=bundle)
    return stored


def arrived(target: StorageTarget, stored: dict[BundleRef, list[Bundle]]) -> None:
    """Everything is there once, the last version current."""
    backend = backend_of(target)
    assert sorted(backend.list()) == sorted(stored)
    for ref, bundles in stored.items():
        assert backend.get(ref) == bundles[-1]
        assert sorted(backend.versions(ref)) == sorted(one.fingerprint for one in bundles)


def ask(source: StorageTarget, to: str = "to", **wish: Any) -> StorageMigration:
    return services.migrate_target(actor=SYSTEM, target=source, to=to, **wish)


def run(migration: StorageMigration, workers: int = 1) -> StorageMigration:
    StorageMigration.objects.update(next_attempt_at=clock.now())
    migrating.run_migration(migration.pk, workers)
    migration.refresh_from_db()
    return migration


@pytest.mark.parametrize("case", sorted(places.CASES))
def test_all_bundles_arrive_at_every_kind_of_target_and_come_back(
    case: str, source: StorageTarget, request: pytest.FixtureRequest
) -> None:
    given = places.parameters(case, request) or (
        {"path": "certificates-x"} if case == "local" else {}
    )
    there = services.create_target(
        actor=SYSTEM, name="there", backend=places.CASES[case], parameters=given
    )
    stored = fill(source)
    migration = run(ask(source, "there", clean_up=True), workers=4)
    assert (migration.state, migration.error_detail) == (WorkState.DONE, "")
    assert (migration.total, migration.copied, migration.failed) == (3, 3, 0)
    arrived(there, stored)
    arrived(source, {})
    back = run(ask(there, "from"))
    assert back.state == WorkState.DONE
    arrived(source, stored)
    arrived(there, stored)


def version_of(target: StorageTarget, name: str, bundle: Bundle) -> Version:
    certificate = Certificate.objects.filter(name=name).first() or factories.certificate(
        name, storage_target=target
    )
    number = certificate.versions.count() + 1
    return factories.version(
        certificate, number, fingerprint=bundle.fingerprint, storage_target=target
    )


def test_what_names_the_source_names_the_destination_afterwards(
    source: StorageTarget, destination: StorageTarget
) -> None:
    stored = fill(source, 1)
    (ref, bundles), *_ = stored.items()
    made = [version_of(source, ref.name, bundle) for bundle in bundles]
    run(ask(source))
    assert {one.storage_target for one in Version.objects.all()} == {destination}
    assert Certificate.objects.get().storage_target == destination
    loaded = services.load(target=destination, ref=ref, fingerprint=made[0].fingerprint)
    assert loaded == bundles[0]
    arrived(source, stored)


def test_a_version_that_is_stored_meanwhile_is_fetched_too(
    source: StorageTarget, destination: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = fill(source, 1)
    ((ref, bundles),) = stored.items()
    version_of(source, ref.name, bundles[0])
    newer = issue()
    original = migrating.Run._copy_all

    def then_store(self: migrating.Run) -> None:
        original(self)
        if newer not in bundles:
            version_of(source, ref.name, newer)
            services.store(target=source, ref=ref, bundle=newer)
            bundles.append(newer)

    monkeypatch.setattr(migrating.Run, "_copy_all", then_store)
    assert run(ask(source)).state == WorkState.DONE
    arrived(destination, stored)
    assert {one.storage_target for one in Version.objects.all()} == {destination}


def test_a_version_that_is_not_stored_yet_is_waited_for(
    source: StorageTarget, destination: StorageTarget
) -> None:
    stored = fill(source, 1)
    ((ref, bundles),) = stored.items()
    late = issue()
    version_of(source, ref.name, late)
    migration = run(ask(source, clean_up=True))
    assert migration.state == WorkState.QUEUED
    arrived(source, stored)
    services.store(target=source, ref=ref, bundle=late)
    bundles.append(late)
    assert run(migration).state == WorkState.DONE
    arrived(destination, stored)
    arrived(source, {})


def test_one_that_never_comes_ends_the_wait_and_nothing_is_removed(
    source: StorageTarget, destination: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = fill(source, 1)
    version_of(source, "n0.example.com", issue())
    monkeypatch.setattr(migrating, "WAIT_FOR_STORING", timedelta(0))
    assert run(ask(source, clean_up=True)).state == WorkState.INCOMPLETE
    arrived(source, stored)


class Killed(BaseException):
    """Nothing of the run happens after this line."""


def on_put(monkeypatch: pytest.MonkeyPatch, what: Callable[[int], None]) -> None:
    """Call `what` with the number of each bundle that is put somewhere."""
    original, count = LocalBackend.put, [0]

    def put(self: LocalBackend, ref: BundleRef, bundle: Bundle) -> None:
        count[0] += 1
        what(count[0])
        original(self, ref, bundle)

    monkeypatch.setattr(LocalBackend, "put", put)


def test_a_worker_that_is_killed_is_followed_by_another(
    source: StorageTarget, destination: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = fill(source, 7)
    monkeypatch.setattr(migrating, "CHUNK", 2)
    monkeypatch.setattr(migrating, "_INSERT", 2)

    def kill(number: int) -> None:
        if number == 7:
            raise Killed

    with monkeypatch.context() as patch:
        on_put(patch, kill)
        migration = ask(source, clean_up=True)
        with pytest.raises(Killed):
            migrating.run_migration(migration.pk)
    arrived(source, stored)
    migrating.run_migration(migration.pk)
    migration.refresh_from_db()
    assert migration.state == WorkState.RUNNING
    StorageMigration.objects.update(lease_expires_at=clock.now())
    assert migrating.sweep_migrations() == 1
    assert run(migration).state == WorkState.DONE
    assert (migration.total, migration.copied, migration.failed) == (7, 7, 0)
    arrived(destination, stored)
    arrived(source, {})


def test_an_outage_puts_it_off_and_says_why(
    source: StorageTarget, destination: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = fill(source)

    def away(number: int) -> None:
        if number > 2:
            raise UpstreamUnavailable("It is away.", code="storage.unavailable")

    with monkeypatch.context() as patch:
        on_put(patch, away)
        migration = run(ask(source))
    assert (migration.state, migration.error_detail) == (WorkState.QUEUED, "It is away.")
    assert migration.next_attempt_at > clock.now()
    assert (migration.copied, migration.failed) == (1, 0)
    assert run(migration).state == WorkState.DONE
    assert migration.error_code == ""
    arrived(destination, stored)


def test_one_bundle_that_fails_stops_no_other_and_keeps_the_source(
    source: StorageTarget, destination: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = fill(source)

    def refuse(number: int) -> None:
        if number == 1:
            raise UpstreamRejected("Not this one.", code="storage.rejected")

    with monkeypatch.context() as patch:
        on_put(patch, refuse)
        migration = run(ask(source, clean_up=True))
    assert migration.state == WorkState.INCOMPLETE
    assert (migration.copied, migration.failed) == (2, 1)
    item = MigrationItem.objects.get(state=ItemState.FAILED)
    assert (item.error_code, item.error_detail) == ("storage.rejected", "Not this one.")
    arrived(source, stored)
    again = run(ask(source, clean_up=True))
    assert again.state == WorkState.DONE
    arrived(destination, stored)
    arrived(source, {})


def test_what_is_read_back_is_compared(
    source: StorageTarget, destination: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = fill(source, 1)
    other, original = issue(), LocalBackend.get

    def get(self: LocalBackend, ref: BundleRef, fingerprint: str | None = None) -> Bundle:
        is_there = "to" in self._root.name
        return other if is_there else original(self, ref, fingerprint)

    with monkeypatch.context() as patch:
        patch.setattr(LocalBackend, "get", get)
        assert run(ask(source, clean_up=True)).state == WorkState.INCOMPLETE
    arrived(source, stored)


def test_every_bundle_that_was_read_stands_in_the_audit_log(
    source: StorageTarget, destination: StorageTarget
) -> None:
    fill(source)
    run(ask(source))
    events = [entry.additional_data for entry in LogEntry.objects.filter(object_repr="from")]
    told = [event for event in events if event and event.get("event", "").endswith("bundle_copied")]
    assert sorted(event["name"] for event in told) == [f"n{n}.example.com" for n in range(3)]
    assert [e["event"] for e in events if e and "migrat" in e.get("event", "")] == [
        "storage_target.migrated",
        "storage_target.migration_requested",
    ]


def test_a_cancelled_migration_stops_and_leaves_the_source(
    source: StorageTarget, destination: StorageTarget
) -> None:
    stored = fill(source)
    migration = services.cancel_migration(actor=SYSTEM, migration=ask(source, clean_up=True))
    assert run(migration).state == WorkState.CANCELLED
    arrived(source, stored)
    arrived(destination, {})
    with pytest.raises(Conflict) as caught:
        services.cancel_migration(actor=SYSTEM, migration=migration)
    assert caught.value.code == "storage.migration_ended"
    services.remove(target=source, ref=BundleRef("server", "n0.example.com"))
    for ref in list(stored):
        services.remove(target=source, ref=ref)
    services.delete_target(actor=SYSTEM, target=source)


def test_a_target_is_migrated_once_at_a_time(
    source: StorageTarget, destination: StorageTarget
) -> None:
    ask(source)
    for target, to in ((source, "to"), (destination, "from")):
        with pytest.raises(Conflict) as caught:
            ask(target, to)
        assert caught.value.code == "storage.migrating"


@pytest.mark.parametrize(
    ("to", "code"), [("nowhere", "storage.unknown"), ("from", "storage.same_target")]
)
def test_the_destination_is_another_target(source: StorageTarget, to: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(source, to)
    assert (caught.value.code, caught.value.field) == (code, "to")


def test_both_targets_have_to_be_changeable(
    cast: Cast, source: StorageTarget, destination: StorageTarget
) -> None:
    actor = Actor.of(cast.outsider)
    assign_perm("storage.change_storagetarget", cast.outsider, source)
    assign_perm("storage.view_storagetarget", cast.outsider, source)
    with pytest.raises(InvalidRequest):
        services.migrate_target(actor=actor, target=source, to="to")
    assign_perm("storage.view_storagetarget", cast.outsider, destination)
    with pytest.raises(AccessDenied):
        services.migrate_target(actor=actor, target=source, to="to")
    assign_perm("storage.change_storagetarget", cast.outsider, destination)
    services.migrate_target(actor=actor, target=source, to="to")


def test_moving_certificates_grants_nobody_more_than_the_mover_has(
    cast: Cast, source: StorageTarget, destination: StorageTarget
) -> None:
    actor = Actor.of(cast.outsider)
    for target in (source, destination):
        for verb in ("change", "view"):
            assign_perm(f"storage.{verb}_storagetarget", cast.outsider, target)
    assign_perm("storage.export_key_under_storagetarget", cast.auditor, destination)
    with pytest.raises(AccessDenied) as caught:
        services.migrate_target(actor=actor, target=source, to="to")
    assert caught.value.code == "access.gain"
    services.migrate_target(actor=Actor.of(cast.owner), target=source, to="to")


def test_who_has_lost_the_right_meanwhile_migrates_nothing(
    cast: Cast, source: StorageTarget, destination: StorageTarget
) -> None:
    stored = fill(source)
    migration = services.migrate_target(actor=Actor.of(cast.owner), target=source, to="to")
    cast.owner.is_active = False
    cast.owner.save()
    assert run(migration).error_code == "access.withdrawn"
    assert migration.state == WorkState.FAILED
    arrived(source, stored)
    arrived(destination, {})


def test_teams_keep_what_moves(source: StorageTarget, destination: StorageTarget) -> None:
    team = Team.objects.create(name="web")
    fill(source, 1)
    certificate = factories.certificate("n0.example.com", storage_target=source, team=team)
    run(ask(source))
    certificate.refresh_from_db()
    assert (certificate.team, certificate.storage_target) == (team, destination)
