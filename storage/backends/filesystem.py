"""File operations relative to an open directory, which follow no symbolic link on their way.

A link that somebody put into the tree can therefore lead nowhere else. Modes are set after
creation, because the umask of whoever started the process is not ours to rely on.
"""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

LONGEST_FILE = 1 << 20
"""Bytes; what is longer is cut off, and so is no PEM any more."""

PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600
PUBLIC_FILE = 0o644

TEMPORARY = ".new-"
"""How the names of what is under construction or on its way out begin."""


def temporary_name() -> str:
    return TEMPORARY + secrets.token_hex(8)


@contextmanager
def root_directory(path: Path) -> Iterator[int]:
    """The root of a tree, opened; made if it is missing in a directory that exists.

    It may itself be a link, by which an operator names another disk. If that is not mounted,
    opening fails, so that a disk that is away never looks like an empty one.
    """
    with _closing(os.open(path.parent, _DIRECTORY)) as parent:
        _make(path.name, parent=parent)
    with _closing(os.open(path, _DIRECTORY)) as descriptor:
        yield descriptor


@contextmanager
def directory(name: str, *, parent: int, create: bool = False) -> Iterator[int]:
    """A directory of `parent`, opened; made if it is missing and may be."""
    if create:
        _make(name, parent=parent)
        # Also when it was there: whoever made it may have died before this line.
        os.fsync(parent)
    with _closing(os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)) as descriptor:
        yield descriptor


def write_new(name: str, content: bytes, *, parent: int, mode: int) -> None:
    """Make a new file, which is on disk when this returns. Raises FileExistsError."""
    with _closing(os.open(name, _NEW, mode, dir_fd=parent)) as descriptor:
        os.fchmod(descriptor, mode)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)


def read(name: str, *, parent: int) -> bytes:
    """A file's content. Raises IsADirectoryError for what is none: a pipe would be waited for."""
    with _closing(os.open(name, _READ, dir_fd=parent)) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            return stream.read(LONGEST_FILE)


@contextmanager
def open_lock(name: str, *, parent: int) -> Iterator[int]:
    """The file for flock(), made if it is missing; open for writing, as NFS wants it."""
    with _closing(os.open(name, _LOCK, PRIVATE_FILE, dir_fd=parent)) as descriptor:
        os.fchmod(descriptor, PRIVATE_FILE)
        yield descriptor


def names(parent: int) -> list[str]:
    """The names in an open directory."""
    return os.listdir(parent)


def move(old: str, new: str, *, parent: int) -> None:
    os.rename(old, new, src_dir_fd=parent, dst_dir_fd=parent)


def link(name: str, destination: str, *, parent: int) -> None:
    """Let `name` be a link to `destination`; who looks meanwhile finds the old or the new."""
    if link_destination(name, parent=parent) == destination:
        return
    temporary = temporary_name()
    os.symlink(destination, temporary, dir_fd=parent)
    move(temporary, name, parent=parent)


def link_destination(name: str, *, parent: int) -> str | None:
    """Where the link leads; None if `name` is missing or no link."""
    try:
        return os.readlink(name, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINVAL):
            return None
        raise


def unlink(name: str, *, parent: int) -> None:
    """Remove the name, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)


def remove_tree(name: str, *, parent: int) -> None:
    """Remove a directory with all that is in it; no link is followed."""
    shutil.rmtree(name, dir_fd=parent)


def remove_leftovers(parent: int) -> None:
    """Remove what a writer that died has left. The caller keeps other writers out meanwhile."""
    for name in names(parent):
        if not name.startswith(TEMPORARY):
            continue
        try:
            os.unlink(name, dir_fd=parent)
        except (IsADirectoryError, PermissionError):
            # POSIX leaves it to the system which of the two unlink() says of a directory.
            remove_tree(name, parent=parent)


def _make(name: str, *, parent: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, PRIVATE_DIRECTORY, dir_fd=parent)
        os.chmod(name, PRIVATE_DIRECTORY, dir_fd=parent)


@contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
