"""Bundles as files below a directory, for programs that read them by path.

`server/_wildcard.example.com/privkey.pem` and its neighbours are links into the current version
(`storage.backends.versions`), so all of them change at one instant. A program that opens
certificate and key one after the other at that instant can still get one of each: it reads again
when it is reloaded, or opens the directory `current` once and reads from there, as `get` does.
"""

import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from certmate.core.errors import InvalidRequest, UpstreamUnavailable
from certmate.core.parameters import Parameter
from certmate.pki.bundle import Bundle
from certmate.pki.names import directory_name, object_name
from storage.backends import filesystem, legacy, versions
from storage.backends.base import (
    KINDS,
    Backend,
    BackendSpec,
    BundleRef,
    Kind,
    OwnPlaces,
    is_fingerprint,
    unknown,
)

LOCK = ".lock"
LOCK_SECONDS = 20.0
DEFAULT_FOLDER = "certificates"

# An API client must not choose where the server writes: a target in `static` would publish keys,
# one in `hooks` would stand among programs that are run. So it names a neighbour of the default.
_FOLDER = re.compile(r"certificates(-[a-z0-9]+)*")
_READ_ATTEMPTS = 3


class LocalBackend:
    """A `Backend` over one directory. Writers of all processes take turns, readers never wait."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, ref: BundleRef, bundle: Bundle) -> None:
        with _telling("Storing"), self._locked() as root, _home(root, ref, create=True) as home:
            versions.add(home, bundle)
            versions.make_current(home, bundle)

    def get(self, ref: BundleRef, fingerprint: str | None = None) -> Bundle:
        if fingerprint is not None and not is_fingerprint(fingerprint):
            raise unknown(ref)
        with _telling("Reading"), filesystem.root_directory(self._root) as root:
            try:
                with _home(root, ref) as home:
                    return _read(home, ref, fingerprint)
            except FileNotFoundError:
                raise unknown(ref) from None

    def versions(self, ref: BundleRef) -> list[str]:
        with (
            _telling("Listing"),
            filesystem.root_directory(self._root) as root,
            suppress(FileNotFoundError),
            _home(root, ref) as home,
        ):
            return versions.names(home)
        return []

    def delete(self, ref: BundleRef, fingerprint: str | None = None) -> None:
        with _telling("Deleting"), self._locked() as root, suppress(FileNotFoundError):
            if fingerprint is None:
                _delete_bundle(root, ref)
            elif is_fingerprint(fingerprint):
                with _home(root, ref) as home:
                    versions.remove(home, fingerprint)

    def list(self) -> Iterator[BundleRef]:
        with _telling("Listing"), filesystem.root_directory(self._root) as root:
            for kind in KINDS:
                with suppress(FileNotFoundError), filesystem.directory(kind, parent=root) as fd:
                    yield from _listed(fd, kind)

    def legacy(self) -> Iterator[str]:
        with _telling("Listing"), filesystem.root_directory(self._root) as root:
            for name in filesystem.names(root):
                if name not in KINDS and _has_legacy(root, name):
                    yield name

    def get_legacy(self, domain: str) -> Bundle:
        ref = BundleRef("server", domain)
        with _telling("Reading"), filesystem.root_directory(self._root) as root:
            try:
                with filesystem.directory(domain, parent=root) as home:
                    return versions.read_legacy(home)
            except FileNotFoundError:
                raise unknown(ref) from None

    def probe(self) -> None:
        name, content = filesystem.temporary_name(), secrets.token_bytes(64)
        with _telling("Opening the directory"), self._locked() as root:
            filesystem.remove_leftovers(root)
            with _telling("Writing"):
                filesystem.write_new(name, content, parent=root, mode=filesystem.PRIVATE_FILE)
            with _telling("Reading"):
                found = filesystem.read(name, parent=root)
            with _telling("Deleting"):
                os.unlink(name, dir_fd=root)
        if found != content:
            raise UpstreamUnavailable(
                "Comparing failed: what was read is not what was written.",
                code="storage.unavailable",
            )

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The root, while no other writer of any process is below it.

        That makes it safe to remove leftovers: whoever made them is no more.
        """
        with (
            filesystem.root_directory(self._root) as root,
            filesystem.open_lock(LOCK, parent=root) as lock,
        ):
            _acquire(lock)
            yield root


def _acquire(lock: int) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise UpstreamUnavailable(
                    "Another writer has held the folder for too long.", code="storage.unavailable"
                ) from None
            time.sleep(0.02)
        else:
            return


def build(parameters: Mapping[str, str], places: OwnPlaces) -> Backend:
    """The backend for a folder of the data directory. Raises InvalidRequest (`storage.path`)."""
    folder = parameters.get("path", DEFAULT_FOLDER)
    if not _FOLDER.fullmatch(folder):
        raise InvalidRequest(
            f"The folder is {DEFAULT_FOLDER} or {DEFAULT_FOLDER}-name, with a-z 0-9 - in the name; "
            "it stands in the data directory. To use another disk, make it a link there.",
            code="storage.path",
            field="parameters.path",
        )
    return LocalBackend(places.data_dir / folder)


SPEC = BackendSpec(
    slug="local",
    label="Files on this machine",
    help="Every process of CertMate must see the same directory.",
    build=build,
    parameters=(
        Parameter(
            name="path",
            label="Folder",
            help=f"In the data directory: {DEFAULT_FOLDER} or {DEFAULT_FOLDER}-name.",
            required=False,
            default=DEFAULT_FOLDER,
        ),
    ),
    location=("path",),
)


@contextmanager
def _telling(action: str) -> Iterator[None]:
    """Turn what the system says into our error; without the path, which may name other objects."""
    try:
        yield
    except OSError as error:
        raise UpstreamUnavailable(
            f"{action} failed: {error.strerror or type(error).__name__}.",
            code="storage.unavailable",
        ) from error


@contextmanager
def _home(root: int, ref: BundleRef, *, create: bool = False) -> Iterator[int]:
    """The bundle's own directory, opened."""
    kind, name = ref.path.split("/")
    with (
        filesystem.directory(kind, parent=root, create=create) as siblings,
        filesystem.directory(name, parent=siblings, create=create) as home,
    ):
        yield home


def _read(home: int, ref: BundleRef, fingerprint: str | None) -> Bundle:
    for _ in range(_READ_ATTEMPTS):
        wanted = fingerprint or versions.current(home)
        if wanted is None:
            raise unknown(ref)
        # Between these lines a writer may have switched and removed the old version: look again.
        with suppress(FileNotFoundError):
            return versions.read(home, wanted)
    if fingerprint and fingerprint not in versions.names(home):
        raise unknown(ref)
    raise versions.damaged("Files of the stored version are missing.")


def _has_legacy(root: int, name: str) -> bool:
    """Whether CertMate 2.x has left a bundle in the directory of this name."""
    try:
        BundleRef("server", name)
        with filesystem.directory(name, parent=root) as home:
            return legacy.CERTIFICATE in filesystem.names(home)
    except (InvalidRequest, OSError):
        return False


def _delete_bundle(root: int, ref: BundleRef) -> None:
    kind, name = ref.path.split("/")
    with filesystem.directory(kind, parent=root) as siblings:
        with filesystem.directory(name, parent=siblings) as home:
            # A crash after this leaves files that no reader finds; deleting again removes them.
            versions.withdraw(home)
        filesystem.remove_tree(name, parent=siblings)
        os.fsync(siblings)


def _listed(siblings: int, kind: Kind) -> Iterator[BundleRef]:
    with os.scandir(siblings) as entries:
        for entry in entries:
            if (ref := _bundle_in(siblings, entry.name, kind)) is not None:
                yield ref


def _bundle_in(siblings: int, name: str, kind: Kind) -> BundleRef | None:
    """The bundle in the directory of this name; None for whatever else stands there."""
    try:
        ref = BundleRef(kind, object_name(name))
        with filesystem.directory(name, parent=siblings) as home:
            has_current = filesystem.link_destination(versions.CURRENT, parent=home) is not None
    except (InvalidRequest, OSError):
        return None
    return ref if has_current and directory_name(ref.name) == name else None
