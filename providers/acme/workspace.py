"""Private temporary directories of certbot runs, and the removal of what killed workers left."""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from certmate.core import clock

PREFIX = "certmate-acme-"
_LOCK = ".owner"


@contextmanager
def workspace() -> Iterator[Path]:
    """A directory that only this user can enter and that is gone afterwards.

    A lock on a file in it is held for as long as the owner lives: the kernel drops it when the
    owner is killed, which is how `sweep_workspaces` tells a leftover from one in use.
    """
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        path = Path(name)
        lock = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield path
        finally:
            os.close(lock)


def sweep_workspaces(older_than: timedelta) -> int:
    """Removes our leftovers of at least that age whose owner is gone; tells how many."""
    newest = (clock.now() - older_than).timestamp()
    removed = 0
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            # The directory is shared with other users: a name of ours may be their symlink.
            found = path.lstat()
            if (
                not stat.S_ISDIR(found.st_mode)
                or found.st_uid != os.geteuid()
                or found.st_mtime > newest
            ):
                continue
            if not _is_owned(path):
                shutil.rmtree(path)
                removed += 1
    return removed


def _is_owned(path: Path) -> bool:
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
