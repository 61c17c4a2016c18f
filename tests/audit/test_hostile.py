"""What somebody with a database client, a full disk or a wrong clock must not achieve."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection

from certmate.audit import keys, queries, retention, sealing, sinks, verification
from certmate.audit.faults import Kind
from certmate.audit.models import Anchor, Checkpoint, Delivery, Event, Leaf, LogKey, Unsealed
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import IntegrityFault
from tests import factories
from tests.audit.tampering import Middle, fault, sql

Fill = Callable[..., None]


def newest_in_file() -> int:
    size: int = json.loads(sinks.path().read_text().splitlines()[-1])["size"]
    return size


def test_a_checkpoint_dated_back_does_not_get_the_log_pruned(middle: Middle, settings: Any) -> None:
    settings.CERTMATE_AUDIT_RETENTION_DAYS = 365
    newest = Checkpoint.objects.latest("size")
    long_ago = newest.at - timedelta(days=1000)
    Checkpoint.objects.filter(pk=newest.pk).update(at=long_ago)
    with pytest.raises(IntegrityFault) as raised:
        retention.prune_by_setting()
    assert raised.value.code == "audit.not_sealed"
    assert not Anchor.objects.exists()
    assert Leaf.objects.count() == newest.size


def test_a_tree_that_was_changed_is_not_anchored(middle: Middle) -> None:
    sql("UPDATE audit_leaf SET hash = %s WHERE position = 0", b"x" * 32)
    with pytest.raises(IntegrityFault):
        retention.prune(before=clock.now())
    assert not Anchor.objects.exists()


def test_a_forged_delivery_does_not_keep_checkpoints_from_the_file(
    middle: Middle, sealed: Fill
) -> None:
    Delivery.objects.update(size=10**12)
    sealed(5)
    assert newest_in_file() == Checkpoint.objects.latest("size").size


@pytest.mark.parametrize("content", [None, "", '{"size": 3, "no'])
def test_a_copy_without_a_checkpoint_does_not_pass_for_a_sound_one(
    middle: Middle, tmp_path: Path, content: str | None
) -> None:
    copy = tmp_path / "elsewhere.log"
    if content is not None:
        copy.write_text(content)
    with pytest.raises(CommandError, match="holds no checkpoint"):
        call_command("verify_audit", "--checkpoints", str(copy))


def test_half_a_line_does_not_take_the_next_checkpoint_with_it(
    middle: Middle, sealed: Fill
) -> None:
    with sinks.path().open("a") as stream:
        stream.write('{"size": 3, "no')
    sealed(5)
    assert newest_in_file() == Checkpoint.objects.latest("size").size
    assert verification.verify().is_sound


def test_a_full_disk_does_not_leave_half_a_pinned_key(
    sealed: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        sealed(5)
    assert sinks.pinned_key() is None
    assert "No space left" in Delivery.objects.get(sink="file").error
    sealed(5)
    assert sinks.pinned_key() == keys.public_key()
    assert {file.name for file in sinks.path().parent.iterdir()} == {
        "checkpoints.log",
        "public-key",
    }
    assert verification.verify().is_sound


def test_a_clock_that_was_put_back_is_no_tampering(
    middle: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = clock.now() - timedelta(hours=3)
    monkeypatch.setattr(clock, "now", lambda: back)
    for _ in range(2):
        written_at(back)
        sealing.seal()
    assert verification.verify().is_sound


def written_at(at: datetime) -> LogEntry:
    kind = ContentType.objects.get_for_model(Group)
    action = LogEntry.Action.ACCESS
    entry = LogEntry(
        content_type=kind, object_pk="1", object_repr="told", action=action, timestamp=at
    )
    entry.save()
    return entry


@pytest.mark.parametrize("year", [1, 999, 1969, 2026, 9999])
@pytest.mark.parametrize("microsecond", [0, 100_000, 123_450])
def test_no_time_is_a_false_alarm(db: None, year: int, microsecond: int) -> None:
    entry = written_at(datetime(year, 11, 24, 3, 0, 0, microsecond, tzinfo=UTC))
    sealing.seal()
    assert verification.verify().fault is None
    assert Leaf.objects.filter(entry_id=entry.pk).exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has times, not texts")
def test_a_time_in_a_form_that_filters_miss_is_named(middle: Middle) -> None:
    at = Event.objects.get(pk=middle).at
    odd = at.strftime("%Y%m%dT%H%M%S.%f")
    sql("UPDATE audit_event SET at = %s WHERE entry_id = %s", odd, middle)
    sql("UPDATE auditlog_logentry SET timestamp = %s WHERE id = %s", odd, middle)
    assert not Event.objects.filter(pk=middle, at__lt=at + timedelta(days=1)).exists()
    assert (fault().kind, fault().entry_id) == (Kind.EDITED, middle)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL refuses such a time")
def test_a_row_that_cannot_be_sealed_does_not_stop_sealing(middle: Middle, sealed: Fill) -> None:
    record(Group.objects.get(name="told"), "group.told")
    bad = Event.objects.latest("pk").pk
    sql("UPDATE audit_event SET at = 'nonsense' WHERE entry_id = %s", bad)
    sealed(3)
    assert list(Unsealed.objects.values_list("pk", flat=True)) == [bad]
    assert (fault().kind, fault().entry_id) == (Kind.INSERTED, bad)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL scans what is small")
@pytest.mark.parametrize("name", queries.FILTERS)
def test_no_filter_scans_the_log(db: None, name: str) -> None:
    value = clock.now() if name in ("since", "until") else "1"
    page = queries.events({name: value}).order_by("-at", "-pk")[:50]
    assert "SEARCH audit_event USING INDEX" in page.explain()


def test_the_event_of_a_waiting_row_is_not_removed_under_another_name(middle: Middle) -> None:
    record(Group.objects.get(name="told"), "group.told")
    newest = Event.objects.latest("pk").pk
    sql("DELETE FROM audit_event WHERE entry_id = %s", newest)
    assert (fault().kind, fault().entry_id) == (Kind.DELETED, newest)


def test_a_log_that_was_wiped_out_gets_no_new_keys_from_verification(middle: Middle) -> None:
    for table in ("audit_leaf", "audit_node", "audit_checkpoint", "audit_logkey", "audit_unsealed"):
        sql(f"DELETE FROM {table}")
    sql("DELETE FROM audit_event")
    sql("DELETE FROM auditlog_logentry")
    keys.forget()
    try:
        assert fault().kind == Kind.KEY
        assert not LogKey.objects.exists()
    finally:
        keys.forget()


def test_a_csr_with_a_challenge_password_does_not_get_into_the_log(db: None) -> None:
    certificate = factories.certificate()
    certificate.csr = "-----BEGIN CERTIFICATE REQUEST-----\nY2hhbGxlbmdl\n"
    certificate.save()
    changes = Event.objects.latest("pk").entry.changes
    assert changes["csr"]
    assert "Y2hhbGxlbmdl" not in str(changes)
