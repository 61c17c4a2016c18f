"""Files on disk: layout, modes, hostile trees, and what the system refuses."""

import errno
import json
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from certmate.core.errors import InvalidRequest, UpstreamUnavailable
from certmate.pki.keys import KeyType
from storage.backends.base import BundleRef, OwnPlaces
from storage.backends.local import LocalBackend, build
from storage.database import DatabaseBackend
from storage.models import StorageTarget
from tests.storage.bundles import authority, issue, without_key

REF = BundleRef("server", "www.example.com")


def files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def test_the_files_stand_where_the_contract_says(local: LocalBackend, root: Path) -> None:
    bundle = issue("*.example.com")
    local.put(BundleRef("server", "*.example.com"), bundle)
    home = root / "server" / "_wildcard.example.com"
    assert (home / "cert.pem").read_text() == bundle.cert
    assert (home / "chain.pem").read_text() == bundle.chain
    assert (home / "fullchain.pem").read_text() == bundle.fullchain
    assert (home / "privkey.pem").read_text() == bundle.privkey
    assert json.loads((home / "metadata.json").read_text()) == bundle.metadata


@pytest.mark.parametrize("key_type", [KeyType.EC256, KeyType.EC384, KeyType.RSA2048])
def test_openssl_finds_that_the_files_fit(
    local: LocalBackend, root: Path, key_type: KeyType, tmp_path: Path
) -> None:
    local.put(REF, issue(key_type=key_type))
    home = root / "server" / "www.example.com"
    anchor = tmp_path / "anchor.pem"
    anchor.write_text(authority().pem)
    of_key = openssl("pkey", "-in", str(home / "privkey.pem"), "-pubout")
    of_cert = openssl("x509", "-in", str(home / "fullchain.pem"), "-noout", "-pubkey")
    assert of_key == of_cert
    assert "OK" in openssl("verify", "-CAfile", str(anchor), str(home / "cert.pem"))


def openssl(*arguments: str) -> str:
    done = subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout


@pytest.mark.parametrize("value", [0o000, 0o022, 0o277])
def test_modes_do_not_depend_on_the_umask(local: LocalBackend, root: Path, value: int) -> None:
    with umask(value):
        local.put(REF, issue())
    home = root / "server" / "www.example.com"
    assert mode(root / ".lock") == 0o600
    directories = [path for path in [root, *root.rglob("*")] if path.is_dir()]
    assert {path: mode(path) for path in directories} == dict.fromkeys(directories, 0o700)
    assert mode(home / "privkey.pem") == 0o600
    for name in ("cert.pem", "chain.pem", "fullchain.pem", "metadata.json"):
        assert mode(home / name) == 0o644


def test_all_of_a_version_is_on_disk_before_it_becomes_current(
    local: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[tuple[int, int]] = set()
    before_switch: set[tuple[int, int]] = set()
    fsync, rename = os.fsync, os.rename

    def identity(found: os.stat_result) -> tuple[int, int]:
        return found.st_dev, found.st_ino

    def recording_fsync(descriptor: int) -> None:
        synced.add(identity(os.fstat(descriptor)))
        fsync(descriptor)

    def recording_rename(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        if new == "current":
            before_switch.update(synced)
        rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        synced.discard(identity(os.fstat(dst_dir_fd)))

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "rename", recording_rename)
    bundle = issue()
    local.put(REF, bundle)
    home = root / "server" / "www.example.com"
    version = home / "versions" / bundle.fingerprint
    needed = [root, root / "server", version.parent, version, *version.iterdir()]
    assert len(needed) == 9
    assert [path for path in needed if identity(path.stat()) not in before_switch] == []
    assert identity(home.stat()) in synced


def test_without_key_there_is_no_name_for_one(local: LocalBackend, root: Path) -> None:
    home = root / "server" / "www.example.com"
    local.put(REF, issue())
    assert "privkey.pem" in files(home)
    local.put(REF, without_key(issue()))
    assert "privkey.pem" not in files(home)
    local.put(REF, issue())
    assert (home / "privkey.pem").exists()


def test_deleting_leaves_no_file(local: LocalBackend, root: Path) -> None:
    local.put(REF, issue())
    local.put(REF, issue())
    local.delete(REF)
    assert files(root / "server") == set()


def test_a_full_disk_leaves_the_old_version_and_says_what_happened(
    local: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = issue(), issue()
    local.put(REF, old)
    write = os.write

    def full(descriptor: int, data: memoryview) -> int:
        if len(data) > 100:
            return write(descriptor, data[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/secret/path")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(UpstreamUnavailable) as caught:
            local.put(REF, new)
    assert caught.value.code == "storage.unavailable"
    assert caught.value.detail == "Storing failed: No space left on device."
    assert caught.value.retryable
    assert local.get(REF) == old
    local.put(REF, new)
    assert local.get(REF) == new
    assert not list(root.rglob(".new-*"))


def test_a_limit_of_the_system_on_file_size_is_a_full_disk_too(local: LocalBackend) -> None:
    old, new = issue(), issue()
    local.put(REF, old)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
    try:
        with pytest.raises(UpstreamUnavailable) as caught:
            local.put(REF, new)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.detail == "Storing failed: File too large."
    assert local.get(REF) == old


def test_a_root_that_leads_to_a_disk_that_is_away_does_not_look_empty(
    local: LocalBackend, root: Path, tmp_path: Path
) -> None:
    root.symlink_to(tmp_path / "unmounted")
    for call in (lambda: local.get(REF), lambda: list(local.list()), lambda: local.versions(REF)):
        with pytest.raises(UpstreamUnavailable):
            call()
    (tmp_path / "unmounted").mkdir()
    local.put(REF, issue())
    assert list(local.list()) == [REF]


@pytest.mark.parametrize(
    ("function", "action"),
    [("write", "Writing"), ("fdopen", "Reading"), ("unlink", "Deleting")],
)
def test_a_probe_says_which_step_failed(
    local: LocalBackend, monkeypatch: pytest.MonkeyPatch, function: str, action: str
) -> None:
    local.probe()

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patched:
        patched.setattr(os, function, denied)
        with pytest.raises(UpstreamUnavailable) as caught:
            local.probe()
    assert caught.value.detail == f"{action} failed: Permission denied."


def test_a_probe_compares_what_it_reads(
    local: LocalBackend, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.setattr(os, "write", lambda descriptor, data: len(data))
    with pytest.raises(UpstreamUnavailable, match="Comparing failed"):
        local.probe()
    assert files(root) == {".lock"}


def test_a_probe_says_when_the_directory_cannot_be_opened(root: Path, local: LocalBackend) -> None:
    root.write_text("a file")
    with pytest.raises(UpstreamUnavailable, match="Opening the directory failed: Not a directory"):
        local.probe()


@pytest.mark.parametrize(
    "path", ["/etc", "..", "../x", "static", "hooks", "certificates/server", "certificates-", "."]
)
def test_a_target_cannot_choose_where_the_server_writes(path: str, data_dir: Path) -> None:
    places = OwnPlaces(data_dir=data_dir, database=DatabaseBackend(StorageTarget().pk))
    with pytest.raises(InvalidRequest) as caught:
        build({"path": path}, places)
    assert (caught.value.code, caught.value.field) == ("storage.path", "parameters.path")


def test_a_target_may_have_a_folder_next_to_the_default(data_dir: Path) -> None:
    places = OwnPlaces(data_dir=data_dir, database=DatabaseBackend(StorageTarget().pk))
    build({"path": "certificates-archive"}, places).put(REF, issue())
    assert (data_dir / "certificates-archive/server/www.example.com/cert.pem").exists()
