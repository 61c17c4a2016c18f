"""Pruning: what is old goes, and what is left can be verified as before."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.core.management import CommandError, call_command

from certmate.audit import merkle, retention, sealing, verification
from certmate.audit.models import Anchor, Checkpoint, Event, Leaf, Node
from certmate.audit.tree import tree
from certmate.core import clock

Fill = Callable[..., None]


def test_a_pruned_log_is_sound_and_tells_its_anchor(
    sealed: Fill, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed(700)
    root = bytes(Checkpoint.objects.latest("size").root)
    pruned = Checkpoint.objects.latest("size").size
    call_command("prune_audit", "--before", clock.now().isoformat())
    assert not Leaf.objects.filter(position__lt=pruned).exists()
    assert Event.objects.count() == LogEntry.objects.count() == 1
    sealed(300)
    call_command("verify_audit")
    assert f"The first {pruned} entries were pruned" in capsys.readouterr().out
    assert tree().root(pruned) == root
    for position in (pruned, pruned + 5, tree().size - 1):
        leaf = bytes(Leaf.objects.get(position=position).hash)
        path = tree().inclusion(position)
        merkle.verify_inclusion(leaf, position, tree().size, path, tree().root())
    assert Event.objects.get(name="audit.pruned").entry.additional_data["size"] == pruned


def test_pruning_twice_leaves_one_anchor(sealed: Fill) -> None:
    for _ in range(3):
        sealed(100)
        retention.prune(before=clock.now())
    assert Anchor.objects.count() == 1
    sealed(5)
    assert verification.verify().is_sound
    assert not Node.objects.filter(level=8, index=0).exists()


def test_only_what_is_older_goes(sealed: Fill) -> None:
    sealed(5)
    between = clock.now()
    sealed(5)
    size = Checkpoint.objects.order_by("size")[0].size
    assert retention.prune(before=between) == size
    assert verification.verify().start == size
    assert retention.prune(before=between) == 0


def test_an_interrupted_pruning_is_finished_by_the_next(
    sealed: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    sealed(100)

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retention.prune(before=clock.now(), progress=stop)
    assert verification.verify().is_sound
    assert Leaf.objects.exists()
    retention.prune(before=clock.now() - timedelta(days=999))
    assert not Leaf.objects.exists()
    sealed(5)
    assert verification.verify().is_sound


@pytest.mark.parametrize("column", ["note", "peaks"])
def test_a_forged_anchor_is_named(sealed: Fill, column: str) -> None:
    sealed(100)
    retention.prune(before=clock.now())
    sealed(5)
    anchor = Anchor.objects.get()
    value = b"x" * 32 + bytes(anchor.peaks)[32:] if column == "peaks" else "forged"
    Anchor.objects.update(**{column: value})
    found = verification.verify().fault
    assert found is not None
    assert found.kind == "checkpoint_forged"


def test_deleting_without_an_anchor_is_not_pruning(sealed: Fill) -> None:
    sealed(100)
    Leaf.objects.filter(position__lt=50).delete()
    found = verification.verify().fault
    assert found is not None
    assert (found.kind, found.position) == ("deleted", 0)


def test_a_removed_anchor_is_named(sealed: Fill) -> None:
    sealed(100)
    retention.prune(before=clock.now())
    sealed(5)
    Anchor.objects.all().delete()
    assert not verification.verify().is_sound


def test_nothing_is_pruned_unless_it_is_set(
    sealed: Fill, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed(5)
    assert retention.prune_by_setting() == 0
    settings.CERTMATE_AUDIT_RETENTION_DAYS = 30
    assert retention.prune_by_setting() == 0
    later = clock.now() + timedelta(days=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert retention.prune_by_setting() > 0


def test_a_time_in_the_future_is_refused(db: None) -> None:
    later = (clock.now() + timedelta(days=1)).isoformat()
    with pytest.raises(CommandError, match="future"):
        call_command("prune_audit", "--before", later)
    assert sealing.state().fault is None
