"""Directories of bundles in which somebody else has been: links, foreign files, missing files."""

from contextlib import suppress
from pathlib import Path

import pytest

from certmate.core.errors import IntegrityFault, NotFound, UpstreamUnavailable
from storage.backends.base import BundleRef
from storage.backends.local import LocalBackend
from tests.storage.bundles import issue

REF = BundleRef("server", "www.example.com")


def test_leftovers_of_a_writer_that_died_are_removed_by_the_next(
    local: LocalBackend, root: Path
) -> None:
    local.put(REF, issue())
    home = root / "server" / "www.example.com"
    (home / ".new-link").symlink_to("versions/0")
    (home / "versions" / ".new-version").mkdir()
    (home / "versions" / ".new-version" / "privkey.pem").write_text("key")
    local.put(REF, issue())
    assert not list(root.rglob(".new-*"))


def test_listing_skips_what_is_no_bundle(local: LocalBackend, root: Path) -> None:
    local.put(REF, issue())
    server = root / "server"
    (server / "unfinished.example.com" / "versions").mkdir(parents=True)
    (server / "README.txt").write_text("hello")
    (server / "Not A Name").mkdir()
    (server / "*.example.com").mkdir()
    (server / "*.example.com" / "current").symlink_to("versions/x")
    (server / "linked.example.com").symlink_to(server / "www.example.com")
    (root / "other").mkdir()
    assert list(local.list()) == [REF]


def test_a_directory_without_current_version_is_not_found(local: LocalBackend, root: Path) -> None:
    (root / "server" / "www.example.com").mkdir(parents=True)
    with pytest.raises(NotFound):
        local.get(REF)
    assert local.versions(REF) == []


@pytest.mark.parametrize(
    "link", ["server", "server/www.example.com", "server/www.example.com/versions"]
)
def test_no_link_leads_out_of_the_tree(
    local: LocalBackend, root: Path, tmp_path: Path, link: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(outside)
    bundle = issue()
    with pytest.raises(UpstreamUnavailable):
        local.put(REF, bundle)
    with pytest.raises(UpstreamUnavailable):
        local.get(REF, bundle.fingerprint)
    with suppress(UpstreamUnavailable):
        assert list(local.list()) == []
    with suppress(UpstreamUnavailable):
        local.delete(REF)
    assert [path.name for path in outside.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    "destination", ["/etc", "../../../outside", "versions/../..", "versions/x"]
)
def test_current_leads_to_a_version_and_nowhere_else(
    local: LocalBackend, root: Path, destination: str
) -> None:
    local.put(REF, issue())
    current = root / "server" / "www.example.com" / "current"
    current.unlink()
    current.symlink_to(destination)
    with pytest.raises(IntegrityFault) as caught:
        local.get(REF)
    assert caught.value.code == "storage.damaged"
    bundle = issue()
    local.put(REF, bundle)
    assert local.get(REF) == bundle


def test_a_link_in_place_of_a_file_is_not_read(
    local: LocalBackend, root: Path, tmp_path: Path
) -> None:
    bundle = issue()
    local.put(REF, bundle)
    secret = tmp_path / "secret.pem"
    secret.write_text("elsewhere")
    key = root / "server" / "www.example.com" / "versions" / bundle.fingerprint / "privkey.pem"
    key.unlink()
    key.symlink_to(secret)
    with pytest.raises(IntegrityFault):
        local.get(REF)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cert.pem", b""),
        ("cert.pem", b"\xff\xfe"),
        ("metadata.json", b"{"),
        ("metadata.json", b"7"),
        ("privkey.pem", b"\xff\xfe"),
    ],
)
def test_altered_files_are_told_apart_from_missing_ones_and_mended_by_the_next_put(
    local: LocalBackend, root: Path, name: str, content: bytes
) -> None:
    bundle = issue()
    local.put(REF, bundle)
    (root / "server" / "www.example.com" / name).write_bytes(content)
    with pytest.raises(IntegrityFault) as caught:
        local.get(REF)
    assert caught.value.code == "storage.damaged"
    local.put(REF, bundle)
    assert local.get(REF) == bundle
    assert not list(root.rglob(".new-*"))


def test_another_certificate_under_a_versions_name_is_noticed(
    local: LocalBackend, root: Path
) -> None:
    local.put(REF, issue())
    (root / "server" / "www.example.com" / "cert.pem").write_text(issue().cert)
    with pytest.raises(IntegrityFault):
        local.get(REF)


def test_missing_files_are_noticed_and_mended_by_the_next_put(
    local: LocalBackend, root: Path
) -> None:
    bundle = issue()
    local.put(REF, bundle)
    (root / "server" / "www.example.com" / "versions" / bundle.fingerprint / "cert.pem").unlink()
    with pytest.raises(IntegrityFault):
        local.get(REF)
    with pytest.raises(IntegrityFault):
        local.get(REF, bundle.fingerprint)
    local.put(REF, bundle)
    assert local.get(REF) == bundle
