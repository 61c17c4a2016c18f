"""Rows of the database backend: what stands in them, and several writers at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import ProtectedError

from certmate.core.errors import CertMateError, IntegrityFault, NotFound, UpstreamUnavailable
from storage.backends.base import BundleRef
from storage.database import DatabaseBackend
from storage.models import StorageTarget, StoredBundle
from tests.storage.bundles import issue

REF = BundleRef("server", "www.example.com")


@pytest.fixture
def target(db: None) -> StorageTarget:
    return StorageTarget.objects.create(name="rows", backend="database")


@pytest.fixture
def backend(target: StorageTarget) -> DatabaseBackend:
    return DatabaseBackend(target.pk)


def raw_keys() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT private_key FROM storage_storedbundle")
        return [row[0] for row in cursor.fetchall()]


@contextmanager
def failing(*statements: str) -> Iterator[None]:
    """A database that answers these statements as one does that is locked or full."""

    def refuse(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith(statements):
            raise OperationalError("database or disk is full: SECRET STATEMENT")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse):
        yield


def test_the_database_never_sees_the_private_key(backend: DatabaseBackend) -> None:
    bundle = issue()
    backend.put(REF, bundle)
    (stored,) = raw_keys()
    assert stored.startswith("cm1.")
    assert "PRIVATE" not in stored
    body = "".join(bundle.privkey.splitlines()[1:-1]) if bundle.privkey else ""
    assert body
    assert body not in stored


def test_a_key_moved_to_another_row_does_not_open(backend: DatabaseBackend) -> None:
    other = BundleRef("server", "other.example.com")
    backend.put(REF, issue())
    backend.put(other, issue())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE storage_storedbundle SET private_key = ("
            "SELECT s.private_key FROM storage_storedbundle s WHERE s.name = %s) WHERE name = %s",
            [REF.name, other.name],
        )
    assert backend.get(REF).privkey
    with pytest.raises(IntegrityFault) as caught:
        backend.get(other)
    assert caught.value.code == "secrets.unreadable"


def test_targets_do_not_see_each_others_bundles(backend: DatabaseBackend) -> None:
    backend.put(REF, issue())
    another = DatabaseBackend(StorageTarget.objects.create(name="two", backend="database").pk)
    assert list(another.list()) == []
    with pytest.raises(NotFound):
        another.get(REF)
    another.delete(REF)
    assert list(backend.list()) == [REF]


def test_reading_is_one_query(
    backend: DatabaseBackend, django_assert_num_queries: Callable[[int], Any]
) -> None:
    backend.put(REF, issue())
    backend.put(REF, issue())
    with django_assert_num_queries(1):
        backend.get(REF)


def test_a_target_that_is_gone_takes_no_bundle(
    backend: DatabaseBackend, target: StorageTarget
) -> None:
    StorageTarget.objects.filter(pk=target.pk).delete()
    with pytest.raises(NotFound):
        backend.put(REF, issue())


def test_a_target_with_bundles_cannot_be_removed_by_any_way(
    backend: DatabaseBackend, target: StorageTarget
) -> None:
    backend.put(REF, issue())
    with pytest.raises(ProtectedError):
        StorageTarget.objects.filter(pk=target.pk).delete()


def test_two_versions_are_never_current_together(
    backend: DatabaseBackend, target: StorageTarget
) -> None:
    backend.put(REF, issue())
    backend.put(REF, issue())
    with pytest.raises(IntegrityError), transaction.atomic():
        StoredBundle.objects.filter(target=target).update(is_current=True)


@pytest.mark.parametrize("statement", ["INSERT", "UPDATE"])
def test_a_full_database_leaves_the_old_version(backend: DatabaseBackend, statement: str) -> None:
    old = issue()
    backend.put(REF, old)
    with failing(statement), pytest.raises(UpstreamUnavailable) as caught:
        backend.put(REF, issue())
    assert caught.value.code == "storage.unavailable"
    assert caught.value.detail == "Storing failed: the database could not answer."
    assert backend.get(REF) == old
    assert backend.versions(REF) == [old.fingerprint]


@pytest.mark.parametrize(
    ("action", "call"),
    [
        ("Reading", lambda backend: backend.get(REF)),
        ("Listing", lambda backend: list(backend.list())),
        ("Listing", lambda backend: backend.versions(REF)),
        ("Deleting", lambda backend: backend.delete(REF)),
    ],
)
def test_a_database_that_is_away_is_said_to_be(
    backend: DatabaseBackend, action: str, call: Callable[[DatabaseBackend], object]
) -> None:
    backend.put(REF, issue())
    with failing("SELECT", "DELETE"), pytest.raises(UpstreamUnavailable, match=f"{action} failed"):
        call(backend)


@pytest.mark.parametrize(
    ("statement", "action"), [("INSERT", "Writing"), ("SELECT", "Reading"), ("DELETE", "Deleting")]
)
def test_a_probe_says_which_step_failed_and_leaves_nothing(
    backend: DatabaseBackend, statement: str, action: str
) -> None:
    with failing(statement), pytest.raises(UpstreamUnavailable, match=f"{action} failed"):
        backend.probe()
    assert not StoredBundle.objects.exists()


def test_a_probe_compares_what_it_reads(
    backend: DatabaseBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StoredBundle.objects, "get", lambda **_: StoredBundle())
    with pytest.raises(UpstreamUnavailable, match="Comparing failed"):
        backend.probe()
    assert not StoredBundle.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_version_put_by_five_at_once_is_one_row() -> None:
    target = StorageTarget.objects.create(name="rows", backend="database")
    bundle = issue()
    put_at_once(target, [bundle] * 5)
    (row,) = StoredBundle.objects.all()
    assert row.is_current
    assert DatabaseBackend(target.pk).get(REF) == bundle


@pytest.mark.django_db(transaction=True)
def test_five_versions_put_at_once_are_kept_with_one_current() -> None:
    target = StorageTarget.objects.create(name="rows", backend="database")
    put_at_once(target, [issue() for _ in range(5)])
    assert StoredBundle.objects.count() == 5
    assert StoredBundle.objects.filter(is_current=True).count() == 1


def put_at_once(target: StorageTarget, bundles: list[Any]) -> None:
    def put(bundle: Any) -> CertMateError | None:
        try:
            DatabaseBackend(target.pk).put(REF, bundle)
        except CertMateError as error:
            return error
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(max_workers=len(bundles)) as pool:
        assert list(pool.map(put, bundles)) == [None] * len(bundles)
