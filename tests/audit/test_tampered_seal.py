"""Checkpoints, keys, anchors and copies are tampered with, and verification names it."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection

from certmate.audit import keys, merkle, notes, sealing, sinks, verification
from certmate.audit.faults import Kind
from certmate.audit.models import (
    Checkpoint,
    Event,
    Leaf,
    LogKey,
    LogState,
    Node,
    Unsealed,
)
from certmate.audit.services import record
from certmate.core import secrets as core_secrets
from certmate.core.keyring import keyring
from certmate.pki import signatures
from tests.audit.tampering import Middle, fault, sql

Fill = Callable[..., None]


def cut(size: int) -> None:
    """Take everything back to an earlier checkpoint, consistently."""
    gone = Leaf.objects.filter(position__gte=size)
    ids = list(gone.values_list("entry_id", flat=True))
    LogEntry.objects.filter(pk__in=ids).delete()
    gone.delete()
    for level in (8, 16):
        Node.objects.filter(level=level, index__gte=size >> level).delete()
    Checkpoint.objects.filter(size__gt=size).delete()


def test_a_tail_that_was_cut_off_everywhere_shows_in_the_file(middle: Middle) -> None:
    cut(list(Checkpoint.objects.order_by("size"))[1].size)
    assert fault().kind == Kind.TRUNCATED
    sinks.path().unlink()
    assert verification.verify().is_sound


def test_a_tail_that_was_cut_off_shows_in_a_copy_kept_elsewhere(
    middle: Middle, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere.log"
    copy.write_text(sinks.path().read_text())
    sinks.path().unlink()
    cut(list(Checkpoint.objects.order_by("size"))[1].size)
    assert verification.verify().is_sound
    with pytest.raises(CommandError, match="truncated"):
        call_command("verify_audit", "--checkpoints", str(copy))


def test_a_log_that_went_on_after_it_was_cut_shows_in_the_file(
    middle: Middle, sealed: Fill
) -> None:
    cut(list(Checkpoint.objects.order_by("size"))[1].size)
    sealed(20)
    assert fault().kind == Kind.FORGED


def test_rows_cut_off_under_their_checkpoint_are_named(middle: Middle) -> None:
    newest = Checkpoint.objects.latest("size")
    sql("DELETE FROM audit_leaf WHERE position = %s", newest.size - 1)
    assert (fault().kind, fault().position) == (Kind.TRUNCATED, newest.size - 1)


def test_a_checkpoint_removed_from_the_end_is_named(middle: Middle) -> None:
    Checkpoint.objects.latest("size").delete()
    sinks.path().unlink()
    assert fault().kind == Kind.TRUNCATED


def test_a_checkpoint_removed_from_the_middle_is_named(middle: Middle) -> None:
    list(Checkpoint.objects.order_by("size"))[1].delete()
    assert fault().kind == Kind.FORGED


@pytest.mark.parametrize(
    ("column", "value"), [("root", b"x" * 32), ("at", "2001-01-01 00:00:00+00:00"), ("note", "x")]
)
def test_an_edited_checkpoint_is_named(middle: Middle, column: str, value: object) -> None:
    size = list(Checkpoint.objects.order_by("size"))[1].size
    sql(f"UPDATE audit_checkpoint SET {column} = %s WHERE size = %s", value, size)
    assert fault().kind == Kind.FORGED


def test_a_checkpoint_signed_by_another_key_is_named(middle: Middle) -> None:
    checkpoint = list(Checkpoint.objects.order_by("size"))[1]
    other = signatures.new_signing_key()
    stated = notes.parse(checkpoint.note)
    forged = notes.Checkpoint(
        origin=stated.origin, size=stated.size, root=stated.root, at=stated.at, more=stated.more
    )
    Checkpoint.objects.filter(pk=checkpoint.pk).update(note=forged.signed(other))
    assert fault().kind == Kind.FORGED


def test_a_forged_line_in_the_file_is_named(middle: Middle) -> None:
    lines = sinks.path().read_text().splitlines()
    told = json.loads(lines[1])
    told["note"] = told["note"].replace("previous", "previously")
    sinks.path().write_text("\n".join([lines[0], json.dumps(told), *lines[2:]]) + "\n")
    assert fault().kind == Kind.FORGED


def test_half_a_line_at_the_end_of_the_file_is_no_fault(middle: Middle) -> None:
    with sinks.path().open("a") as stream:
        stream.write('{"size": 3, "no')
    assert verification.verify().is_sound


def test_a_swapped_public_key_is_named(middle: Middle) -> None:
    other = signatures.public_key_of(signatures.new_signing_key())
    LogKey.objects.filter(pk=keys.SIGNING).update(public=base64.b64encode(other).decode())
    assert fault().kind == Kind.KEY


@pytest.mark.parametrize("key", [keys.SIGNING, keys.MARK])
@pytest.mark.parametrize("how", ["garbage", "resealed", "removed"])
def test_a_swapped_key_is_named(middle: Middle, key: Any, how: str) -> None:
    if how == "removed":
        LogKey.objects.filter(pk=key).delete()
    elif how == "garbage":
        sql("UPDATE audit_logkey SET secret = 'cm1.00000000.eA==.eA==' WHERE public != 'x'")
    else:
        private = signatures.new_signing_key()
        secret = json.dumps({"key": base64.b64encode(private).decode()}).encode()
        token = core_secrets.seal(keyring(), secret, identity=f"audit.LogKey.secret:{key}")
        sql("UPDATE audit_logkey SET secret = %s WHERE id = %s", token, str_of(key))
        if key == keys.SIGNING:
            public = base64.b64encode(signatures.public_key_of(private)).decode()
            LogKey.objects.filter(pk=key).update(public=public)
    keys.forget()
    try:
        assert fault().kind == Kind.KEY
    finally:
        keys.forget()


def str_of(key: Any) -> str:
    return str(key) if connection.vendor == "postgresql" else str(key.hex)


def test_no_key_is_made_in_the_place_of_one_that_is_gone(middle: Middle) -> None:
    LogKey.objects.all().delete()
    keys.forget()
    try:
        with pytest.raises(Exception, match="key of the audit log is gone"):
            record(Group.objects.get(name="told"), "group.told")
        assert not LogKey.objects.exists()
    finally:
        keys.forget()


def test_a_removed_node_does_not_matter_to_rows_and_stops_no_verification(sealed: Fill) -> None:
    sealed(300)
    Node.objects.all().delete()
    assert verification.verify().is_sound


def test_a_row_deleted_before_it_was_sealed_is_named(middle: Middle) -> None:
    record(Group.objects.get(name="told"), "group.told")
    entry = LogEntry.objects.latest("pk")
    entry.delete()
    assert (fault().kind, fault().entry_id) == (Kind.DELETED, entry.pk or fault().entry_id)
    sealing.seal()
    assert fault().kind == Kind.DELETED


def test_a_row_taken_out_of_the_queue_is_named(middle: Middle) -> None:
    record(Group.objects.get(name="told"), "group.told")
    Unsealed.objects.all().delete()
    sealing.seal()
    assert fault().kind == Kind.DELETED


def test_a_look_at_the_newest_part_finds_what_is_wrong_there(
    sealed: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "RECENT", 10)
    for _ in range(4):
        sealed(7)
    report = verification.verify_recent()
    assert report.is_sound
    assert 0 < report.start <= report.size - 10
    sql("UPDATE audit_event SET reason = 'x' WHERE entry_id = %s", entry_at(report.size - 2))
    assert verification.verify_recent().fault is not None
    assert sealing.state().verified_at is None


def entry_at(position: int) -> int:
    return Leaf.objects.get(position=position).entry_id


def test_a_deleted_account_is_no_tampering(middle: Middle, django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("gone")
    from certmate.audit.context import Context, running

    with running(Context(request_id="request-1", user=user)):
        record(Group.objects.get(name="told"), "group.told")
    sealing.seal()
    user.delete()
    assert verification.verify().is_sound
    event = Event.objects.get(request_id="request-1")
    assert (event.actor_name, event.entry.actor) == ("gone", None)


def test_what_is_pinned_is_what_the_database_says(middle: Middle, data_dir: Path) -> None:
    pinned = (data_dir / "audit/public-key").read_text().strip()
    assert pinned == LogKey.objects.get(pk=keys.SIGNING).public
    (data_dir / "audit/public-key").write_text(base64.b64encode(b"x" * 32).decode())
    assert fault().kind == Kind.KEY


def test_the_state_of_the_log_keeps_the_fault_until_all_is_well(middle: Middle) -> None:
    sql("UPDATE audit_event SET reason = 'x' WHERE entry_id = %s", middle)
    verification.verify_fully()
    assert (sealing.state().fault or {})["entry_id"] == middle
    sql("UPDATE audit_event SET reason = '' WHERE entry_id = %s", middle)
    verification.verify_fully()
    assert LogState.objects.get().fault is None


def test_the_root_is_that_of_the_naive_tree(middle: Middle) -> None:
    hashes = [bytes(h) for h in Leaf.objects.order_by("position").values_list("hash", flat=True)]
    edge = merkle.Edge()
    for hash_ in hashes:
        edge.append(hash_)
    assert edge.root() == bytes(Checkpoint.objects.latest("size").root)
