"""Death at every step, readers during writes, and several writers at once."""

import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from certmate.core.errors import NotFound
from certmate.pki.bundle import Bundle, check
from storage.backends.base import BundleRef
from storage.backends.local import LocalBackend
from tests.storage.bundles import issue, without_key

REF = BundleRef("server", "www.example.com")
DIED = 42
STEPS = (
    "chmod", "fchmod", "fsync", "mkdir", "open", "rename", "rmdir", "symlink", "unlink", "write"
)  # fmt: skip

NAMES = (
    "first version",
    "next version",
    "older version again",
    "key to no key",
    "no key to key",
    "delete a version",
    "delete all",
)

Work = Callable[[LocalBackend], None]


@dataclass(frozen=True)
class Scenario:
    """What is stored before, what is then done, and what a reader may find whenever that dies."""

    before: tuple[Bundle, ...]
    work: Work
    allowed: tuple[Bundle | None, ...]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies loses nothing that the system has taken: no fsync is needed here."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def scenarios() -> dict[str, Scenario]:
    first, second = issue(), issue()
    keyless = without_key(issue())

    def put(bundle: Bundle) -> Work:
        return lambda backend: backend.put(REF, bundle)

    return {
        "first version": Scenario((), put(first), (None, first)),
        "next version": Scenario((first,), put(second), (first, second)),
        "older version again": Scenario((first, second), put(first), (second, first)),
        "key to no key": Scenario((first,), put(keyless), (first, keyless)),
        "no key to key": Scenario((keyless,), put(first), (keyless, first)),
        "delete a version": Scenario(
            (first, second), lambda b: b.delete(REF, first.fingerprint), (second,)
        ),
        "delete all": Scenario((first, second), lambda b: b.delete(REF), (second, None)),
    }


def dies_at(step: int, work: Work, backend: LocalBackend) -> bool:
    """Do the work in a child that is gone just before its `step`-th call; did it come so far?"""
    child = os.fork()
    if child == 0:
        left = step

        def counted(call: Callable[..., Any]) -> Callable[..., Any]:
            def counting(*arguments: Any, **options: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os._exit(DIED)
                return call(*arguments, **options)

            return counting

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))
        code = 1
        try:
            work(backend)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, DIED)
    return code == DIED


def found(backend: LocalBackend) -> Bundle | None:
    try:
        return backend.get(REF)
    except NotFound:
        return None


def through_paths(root: Path) -> Bundle | None:
    """What a program finds that opens the files by name."""
    home = root / "server" / "www.example.com"
    if not (home / "cert.pem").exists():
        return None
    key = home / "privkey.pem"
    return Bundle(
        (home / "cert.pem").read_text(),
        (home / "chain.pem").read_text(),
        key.read_text() if key.exists() else None,
    )


@pytest.mark.parametrize("name", NAMES)
def test_death_at_any_step_leaves_the_old_or_the_new(name: str, tmp_path: Path) -> None:
    scenario = scenarios()[name]
    step = 1
    while True:
        root = tmp_path / str(step)
        backend = LocalBackend(root)
        for bundle in scenario.before:
            backend.put(REF, bundle)
        died = dies_at(step, scenario.work, backend)
        after = found(backend)
        assert after in scenario.allowed, f"step {step}"
        by_path = through_paths(root)
        assert (by_path is None) == (after is None), f"step {step}"
        if by_path is not None:
            check(by_path)
        # Whoever does it again finishes it and leaves nothing temporary.
        scenario.work(backend)
        assert found(backend) == scenario.allowed[-1], f"step {step}"
        assert not list(root.rglob(".new-*")), f"step {step}"
        if not died:
            break
        step += 1
    assert step > 5


def test_a_reader_never_sees_a_mixture(local: LocalBackend, root: Path) -> None:
    bundles = [issue(), issue()]
    local.put(REF, bundles[0])
    finished = threading.Event()
    keys = {bundle.cert: bundle.privkey for bundle in bundles}

    def read_through_the_backend() -> int:
        reads = 0
        while not finished.is_set():
            assert local.get(REF) in bundles
            reads += 1
        return reads

    def read_through_the_directory() -> int:
        reads = 0
        current = root / "server" / "www.example.com" / "current"
        while not finished.is_set():
            version = current.readlink()
            try:
                cert = (current.parent / version / "cert.pem").read_text()
                key = (current.parent / version / "privkey.pem").read_text()
            except FileNotFoundError:
                continue  # The version was deleted meanwhile; a program would start again.
            assert keys[cert] == key
            reads += 1
        return reads

    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(read_through_the_backend), pool.submit(read_through_the_directory)]
        try:
            for turn in range(200):
                local.put(REF, bundles[turn % 2])
                if turn % 4 == 0:
                    local.delete(REF, bundles[(turn + 1) % 2].fingerprint)
        finally:
            finished.set()
        assert all(reader.result(timeout=30) > 50 for reader in readers)


@pytest.mark.parametrize("is_put_again", [False, True])
def test_a_version_that_is_being_deleted_is_never_read_without_its_key(
    local: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, is_put_again: bool
) -> None:
    first, second = issue(), issue()
    local.put(REF, first)
    local.put(REF, second)
    place = root / "server" / "www.example.com" / "versions" / first.fingerprint
    listdir, deleted = os.listdir, False

    def deleting_meanwhile(directory: int) -> list[str]:
        nonlocal deleted
        if not deleted and "cert.pem" in listdir(directory):
            deleted = True
            # As slow as removal can be: the key is gone, the rest is still readable.
            doomed = place.rename(place.with_name(".new-doomed"))
            if is_put_again:
                shutil.copytree(doomed, place)
            (doomed / "privkey.pem").unlink()
        return listdir(directory)

    monkeypatch.setattr(os, "listdir", deleting_meanwhile)
    if is_put_again:
        assert local.get(REF, first.fingerprint) == first
    else:
        with pytest.raises(NotFound):
            local.get(REF, first.fingerprint)
    assert deleted


def test_writers_take_turns(local: LocalBackend, root: Path) -> None:
    bundles = [issue() for _ in range(8)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda bundle: local.put(REF, bundle), bundles * 3))
    assert sorted(local.versions(REF)) == sorted(bundle.fingerprint for bundle in bundles)
    assert local.get(REF) in bundles
    assert not list(root.rglob(".new-*"))


def test_a_dead_writer_does_not_lock_out_the_next(local: LocalBackend) -> None:
    bundle = issue()
    assert dies_at(10, lambda backend: backend.put(REF, bundle), local)
    local.put(REF, bundle)
    assert local.get(REF) == bundle
