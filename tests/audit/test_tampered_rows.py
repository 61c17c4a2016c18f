"""Rows are tampered with by SQL, and verification names what was done and where."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group
from django.core.management import call_command

from certmate.audit import sealing, verification
from certmate.audit.faults import Kind
from certmate.audit.models import (
    Checkpoint,
    Event,
    Leaf,
    Unsealed,
)
from certmate.core import clock
from tests.audit.tampering import Middle, fault, sql

Fill = Callable[..., None]


def test_an_untouched_log_is_sound(middle: Middle, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_audit")
    size = Checkpoint.objects.latest("size").size
    assert f"{size} sealed entries are sound" in capsys.readouterr().out
    assert sealing.state().fault is None
    assert sealing.state().verified_size == size


def test_a_log_of_nothing_is_sound(db: None) -> None:
    assert verification.verify().is_sound


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("auditlog_logentry", "object_repr", "somebody else"),
        ("auditlog_logentry", "changes", '{"name": ["a", "b"]}'),
        ("auditlog_logentry", "additional_data", '{"event": "group.told", "number": 99}'),
        ("auditlog_logentry", "serialized_data", "{}"),
        ("auditlog_logentry", "changes_text", "nothing"),
        ("auditlog_logentry", "timestamp", "2001-01-01 00:00:00+00:00"),
        ("auditlog_logentry", "action", 0),
        ("auditlog_logentry", "object_pk", "9999"),
        ("auditlog_logentry", "object_id", 9999),
        ("auditlog_logentry", "actor_email", "x@example.test"),
        ("auditlog_logentry", "cid", "another-request"),
        ("auditlog_logentry", "remote_addr", "192.0.2.1"),
        ("auditlog_logentry", "remote_port", 1),
        ("audit_event", "name", "group.forgotten"),
        ("audit_event", "at", "2001-01-01 00:00:00+00:00"),
        ("audit_event", "actor_name", "mallory"),
        ("audit_event", "actor_kind", "person"),
        ("audit_event", "actor_id", 1),
        ("audit_event", "token_id", "1"),
        ("audit_event", "token_label", "x"),
        ("audit_event", "object_kind", "auth.user"),
        ("audit_event", "object_pk", "9999"),
        ("audit_event", "request_id", "another-request"),
        ("audit_event", "order_id", 1),
        ("audit_event", "address", "192.0.2.1"),
        ("audit_event", "reason", "because"),
    ],
)
def test_an_edited_column_is_named(middle: Middle, table: str, column: str, value: object) -> None:
    key = "id" if table == "auditlog_logentry" else "entry_id"
    sql(f"UPDATE {table} SET {column} = %s WHERE {key} = %s", value, middle)
    found = fault()
    assert (found.kind, found.entry_id, found.position) == (Kind.EDITED, middle, middle.position)


def test_every_column_is_under_the_mark() -> None:
    """A column that is added to either table has to be covered, or be named here."""
    from certmate.audit.canonical import ENTRY_COLUMNS, EVENT_COLUMNS

    assert {f.attname for f in LogEntry._meta.concrete_fields} == set(ENTRY_COLUMNS)
    assert {f.attname for f in Event._meta.concrete_fields} == {*EVENT_COLUMNS, "entry_id", "mac"}


def test_an_edited_mark_and_an_edited_leaf_are_named(middle: Middle) -> None:
    sql("UPDATE audit_event SET mac = %s WHERE entry_id = %s", b"x" * 32, middle)
    assert fault().position == middle.position
    earlier = middle.position - 1
    sql("UPDATE audit_leaf SET hash = %s WHERE position = %s", b"x" * 32, earlier)
    assert (fault().kind, fault().position) == (Kind.EDITED, earlier)


def test_a_row_edited_with_its_leaf_is_named(middle: Middle) -> None:
    """Whoever recomputes hashes still has no key for the mark."""
    sql("UPDATE audit_event SET reason = 'because' WHERE entry_id = %s", middle)
    hash_ = sealing.leaf_hashes([middle])[middle]
    sql("UPDATE audit_leaf SET hash = %s WHERE entry_id = %s", hash_, middle)
    assert (fault().kind, fault().entry_id) == (Kind.INSERTED, middle)


@pytest.mark.parametrize("table", ["audit_event", "auditlog_logentry"])
def test_a_deleted_row_is_named(middle: Middle, table: str) -> None:
    key = "id" if table == "auditlog_logentry" else "entry_id"
    sql(f"DELETE FROM {table} WHERE {key} = %s", middle)
    assert (fault().kind, fault().entry_id) == (Kind.DELETED, middle)


def test_rows_deleted_through_the_models_are_named(middle: Middle) -> None:
    LogEntry.objects.filter(pk=middle).delete()
    assert (fault().kind, fault().entry_id) == (Kind.DELETED, middle)


def test_a_row_deleted_with_its_leaf_is_named(middle: Middle) -> None:
    LogEntry.objects.filter(pk=middle).delete()
    sql("DELETE FROM audit_leaf WHERE entry_id = %s", middle)
    assert (fault().kind, fault().position) == (Kind.DELETED, middle.position)


def test_a_row_deleted_with_its_leaf_and_the_gap_closed_is_named(middle: Middle) -> None:
    LogEntry.objects.filter(pk=middle).delete()
    sql("DELETE FROM audit_leaf WHERE entry_id = %s", middle)
    for position in range(middle.position + 1, Leaf.objects.count() + 1):
        sql("UPDATE audit_leaf SET position = %s WHERE position = %s", position - 1, position)
    found = fault()
    assert found.kind == Kind.DELETED
    assert found.position is not None
    assert found.position <= middle.position


def test_a_row_inserted_into_the_log_alone_is_named(middle: Middle) -> None:
    entry = LogEntry.objects.get(pk=middle)
    LogEntry.objects.bulk_create([copy_of(entry, 10_000)])
    assert (fault().kind, fault().entry_id) == (Kind.INSERTED, 10_000)


def copy_of(row: Any, pk: int) -> Any:
    values = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields}
    values[row._meta.pk.attname] = pk
    return type(row)(**values)


@pytest.mark.parametrize("is_queued", [True, False])
@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_row_inserted_with_its_event_is_named(
    middle: Middle, is_queued: bool, is_sealed: bool
) -> None:
    LogEntry.objects.bulk_create([copy_of(LogEntry.objects.get(pk=middle), 10_000)])
    Event.objects.bulk_create([copy_of(Event.objects.get(pk=middle), 10_000)])
    if is_queued:
        Unsealed.objects.create(entry_id=10_000)
    if is_sealed:
        sealing.seal()
    assert (fault().kind, fault().entry_id) == (Kind.INSERTED, 10_000)


def test_a_row_written_with_a_false_time_is_named(
    middle: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the keys can write a row, but not into the past."""
    group = Group.objects.get(name="told")
    early = clock.now() - timedelta(days=30)
    entry = LogEntry(
        content_type=LogEntry.objects.get(pk=middle).content_type,
        object_pk=str(group.pk),
        object_repr="told",
        action=LogEntry.Action.ACCESS,
        timestamp=early,
    )
    entry.save()
    sealing.seal()
    assert (fault().kind, fault().entry_id) == (Kind.INSERTED, entry.pk)


def test_two_leaves_that_changed_places_are_named(middle: Middle) -> None:
    swap_leaves(middle.position, middle.position + 1, "entry_id")
    assert (fault().kind, fault().position) == (Kind.REORDERED, middle.position)


def test_two_leaves_that_changed_places_with_their_hashes_are_named(middle: Middle) -> None:
    swap_leaves(middle.position, middle.position + 1, "entry_id")
    swap_leaves(middle.position, middle.position + 1, "hash")
    assert fault().kind == Kind.REORDERED
    assert fault().position in (middle.position, middle.position + 1)


def swap_leaves(one: int, other: int, column: str) -> None:
    values = {leaf.position: getattr(leaf, column) for leaf in Leaf.objects.all()}
    if column == "entry_id":
        sql("UPDATE audit_leaf SET entry_id = -1 WHERE position = %s", one)
    for position, value in ((other, values[one]), (one, values[other])):
        sql(f"UPDATE audit_leaf SET {column} = %s WHERE position = %s", value, position)


def test_two_rows_that_changed_their_ids_are_named(middle: Middle) -> None:
    other = Leaf.objects.get(position=middle.position + 1).entry_id
    for table, key in (("auditlog_logentry", "id"), ("audit_event", "entry_id")):
        for old, new in ((middle, -1), (other, middle), (-1, other)):
            sql(f"UPDATE {table} SET {key} = %s WHERE {key} = %s", new, old)
    assert (fault().kind, fault().position) == (Kind.EDITED, middle.position)
