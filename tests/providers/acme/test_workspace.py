"""Directories of certbot runs and what a killed worker leaves."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from providers.acme.workspace import PREFIX, sweep_workspaces, workspace


def leftover(scratch: Path, name: str = "left") -> Path:
    path = scratch / f"{PREFIX}{name}"
    path.mkdir(mode=0o700)
    (path / ".owner").touch()
    (path / "private_key.json").touch()
    return path


def test_a_workspace_is_private_and_gone_afterwards(scratch: Path) -> None:
    with workspace() as path:
        assert path.parent == scratch
        assert path.stat().st_mode & 0o777 == 0o700
        (path / "deep").mkdir()
    assert list(scratch.iterdir()) == []


def test_it_is_gone_after_a_failure_as_well(scratch: Path) -> None:
    with pytest.raises(RuntimeError), workspace():
        raise RuntimeError
    assert list(scratch.iterdir()) == []


def test_a_sweep_takes_leftovers_and_no_workspace_in_use(scratch: Path) -> None:
    left, unlocked = leftover(scratch), scratch / f"{PREFIX}early"
    unlocked.mkdir()
    with workspace() as used:
        assert sweep_workspaces(timedelta(0)) == 2
        assert used.exists()
    assert not left.exists()
    assert not unlocked.exists()


def test_a_sweep_takes_only_what_is_old_enough(scratch: Path) -> None:
    left = leftover(scratch)
    assert sweep_workspaces(timedelta(hours=1)) == 0
    os.utime(left, (0, 0))
    assert sweep_workspaces(timedelta(hours=1)) == 1


def test_a_sweep_follows_no_link_and_takes_nothing_else(scratch: Path) -> None:
    precious = scratch / "precious"
    precious.mkdir()
    (scratch / f"{PREFIX}link").symlink_to(precious)
    (scratch / f"{PREFIX}file").touch()
    assert sweep_workspaces(timedelta(0)) == 0
    assert precious.exists()


def test_a_lock_file_that_is_a_link_is_not_opened(scratch: Path) -> None:
    left = scratch / f"{PREFIX}trap"
    left.mkdir()
    (left / ".owner").symlink_to(scratch / "elsewhere")
    assert sweep_workspaces(timedelta(0)) == 0
