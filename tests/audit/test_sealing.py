"""New rows get into the tree once, whatever dies in between and however many are at it."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django_celery_beat.models import PeriodicTask

from certmate.audit import keys, notes, sealing, sinks, verification
from certmate.audit.models import (
    Checkpoint,
    Delivery,
    Event,
    Leaf,
    LogState,
    Node,
    Unsealed,
)
from certmate.audit.schedules import SCHEDULES
from certmate.audit.services import record
from certmate.celery import app
from certmate.core import clock, keyring, rotation
from certmate.core.secrets import new_master_key

Fill = Callable[..., None]


def sealed_once() -> None:
    """Every row is in the tree, at one place, and everything fits."""
    assert not Unsealed.objects.exists()
    assert Leaf.objects.count() == Event.objects.count() == LogEntry.objects.count()
    report = verification.verify()
    assert report.is_sound, report.fault


def test_all_rows_are_bound_batch_by_batch(sealed: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 100)
    sealed(1030)
    assert Checkpoint.objects.count() > 10
    assert Node.objects.filter(level=8).count() == Leaf.objects.count() // 256
    sealed_once()


def test_nothing_new_makes_no_checkpoint(sealed: Fill) -> None:
    sealed()
    count = Checkpoint.objects.count()
    assert sealing.seal() == 0
    assert Checkpoint.objects.count() == count


def test_a_row_that_is_committed_late_is_sealed_after_those_with_larger_ids(sealed: Fill) -> None:
    sealed()
    record(Group.objects.get(name="told"), "group.told", late=True)
    late = Unsealed.objects.get().entry_id
    Unsealed.objects.all().delete()
    sealed()
    Unsealed.objects.create(entry_id=late)
    sealing.seal()
    assert Leaf.objects.latest("position").entry_id == late
    sealed_once()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    "step",
    [
        (sealing, "leaf_hashes"),
        (sealing, "_hold"),
        (sealing, "_append"),
        (sealing, "_completed"),
        (sealing, "_sign"),
        (notes.Checkpoint, "signed"),
        (sinks, "deliver"),
        (sinks, "append"),
        (sinks, "_pin"),
    ],
)
@pytest.mark.parametrize("is_after", [False, True])
def test_a_sealer_that_dies_loses_nothing_and_seals_nothing_twice(
    sealed: Fill, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str], is_after: bool
) -> None:
    sealed()
    whole = getattr(*step)

    def die(*args: Any, **kwargs: Any) -> Any:
        if is_after:
            whole(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(*step, die)
        with pytest.raises(Killed):
            sealed()
    # What a killed process leaves behind is a lease that runs out.
    LogState.objects.update(lease_token=None, lease_expires_at=None)
    sealing.seal()
    sealed_once()
    sizes = [notes.parse(note).size for note in written()]
    assert sizes[-1] == Checkpoint.objects.latest("size").size
    assert sorted(set(sizes)) == sorted(Checkpoint.objects.values_list("size", flat=True))


def written() -> list[str]:
    return [json.loads(line)["note"] for line in sinks.path().read_text().splitlines()]


def test_who_lost_the_lease_seals_nothing(sealed: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed()
    count = Leaf.objects.count()
    whole = sealing.leaf_hashes

    def overtaken(ids: Any) -> Any:
        LogState.objects.update(lease_token="00000000-0000-0000-0000-000000000000")
        return whole(ids)

    monkeypatch.setattr(sealing, "leaf_hashes", overtaken)
    record(Group.objects.get(name="told"), "group.told")
    with pytest.raises(Exception, match="Another worker"):
        sealing.seal()
    assert Leaf.objects.count() == count


def test_a_second_sealer_leaves_it_to_the_first(sealed: Fill) -> None:
    sealed()
    LogState.objects.update(
        lease_token="00000000-0000-0000-0000-000000000000",
        lease_expires_at=clock.now() + timedelta(seconds=30),
    )
    record(Group.objects.get(name="told"), "group.told")
    assert sealing.seal() == 0
    LogState.objects.update(lease_expires_at=clock.now() - timedelta(seconds=1))
    assert sealing.seal() == 1


@pytest.mark.django_db(transaction=True)
def test_two_sealers_at_once_seal_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group.objects.create(name="told")
    for number in range(300):
        record(group, "group.told", number=number)
    monkeypatch.setattr(sealing, "BATCH", 20)
    start = threading.Barrier(4)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            start.wait()
            for _ in range(5):
                sealing.seal()
        except Exception as error:  # noqa: BLE001 - shown below.
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    sealing.seal()
    sealed_once()


def test_rows_from_before_there_was_a_seal_are_taken_over_once(db: None) -> None:
    user = User.objects.create_user("early")
    kind = ContentType.objects.get_for_model(Group)
    old = [
        LogEntry(
            content_type=kind,
            object_pk=f"old-{number}",
            object_repr="old",
            action=LogEntry.Action.UPDATE,
            changes={"name": ["a", "b"]},
            actor=user,
            cid="request-1",
            remote_addr="192.0.2.1",
            timestamp=clock.now() - timedelta(days=number + 1),
            additional_data={"actor": "early", "token": "t (cm_…)"},
        )
        for number in range(5)
    ]
    LogEntry.objects.bulk_create(old)
    LogState.objects.update_or_create(
        pk=1, defaults={"adopt_through": LogEntry.objects.latest("pk").pk}
    )
    assert verification.verify().is_sound
    sealing.seal()
    sealed_once()
    event = Event.objects.filter(object_kind="auth.group", object_pk="old-3").get()
    assert (event.name, event.actor_kind, event.actor_name) == ("group.changed", "person", "early")
    assert (event.request_id, event.address) == ("request-1", "192.0.2.1")
    later = LogEntry.objects.bulk_create([LogEntry(content_type=kind, object_pk="9", action=0)])
    LogState.objects.update(adopt_through=later[0].pk + 100)
    sealing.seal()
    found = verification.verify().fault
    assert found is not None
    assert (found.kind, found.entry_id) == ("inserted", later[0].pk)


def test_marks_and_checkpoints_outlive_a_change_of_the_master_key(
    sealed: Fill, settings: Any, tmp_path: Any
) -> None:
    path = tmp_path / "master.key"
    path.write_text(settings.CERTMATE_MASTER_KEY + "\n")
    settings.CERTMATE_MASTER_KEY = ""
    settings.CERTMATE_MASTER_KEY_FILE = path
    sealed()
    rotation.add_key()
    rotation.rewrap_all(lambda done: None)
    assert rotation.forget_old_keys() == 1
    keys.forget()
    sealed()
    assert verification.verify().is_sound
    keyring.store(path, [new_master_key()])
    keys.forget()
    found = verification.verify().fault
    keys.forget()
    assert found is not None
    assert found.kind == "key_swapped"


def test_a_place_that_fails_is_told_again_and_holds_nothing_up(
    sealed: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def broken(line: str) -> None:
        raise OSError("unreachable")

    monkeypatch.setitem(sinks._registered, "elsewhere", broken)
    sealed()
    assert Delivery.objects.get(sink="elsewhere").error == "OSError: unreachable"
    sealed_once()
    monkeypatch.setitem(sinks._registered, "elsewhere", told.append)
    sealing.seal()
    size = Checkpoint.objects.latest("size").size
    assert len(told) == 1
    assert f'"size": {size}' in told[0]
    delivered = Delivery.objects.get(sink="elsewhere")
    assert (delivered.size, delivered.error) == (size, "")


def test_the_file_is_for_its_owner_alone(sealed: Fill) -> None:
    sealed()
    assert sinks.path().stat().st_mode & 0o777 == 0o600
    assert sinks.path().parent.stat().st_mode & 0o777 == 0o700


def test_the_schedule_seals_verifies_and_prunes(sealed: Fill, settings: Any) -> None:
    app.loader.import_default_modules()
    for schedule in SCHEDULES:
        assert PeriodicTask.objects.get(name=schedule.task).enabled
    record(Group.objects.create(name="told"), "group.told")
    app.tasks["audit.seal"]()
    app.tasks["audit.verify"]()
    app.tasks["audit.prune"]()
    sealed_once()
    assert sealing.state().verified_size == Leaf.objects.count()
