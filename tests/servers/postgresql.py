"""A real PostgreSQL on a unix socket in a temporary directory, without durability."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNSAFE = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off"


def programs() -> Path:
    """Where initdb and pg_ctl are: beside `postgres`, or where Debian keeps its versions."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("pg_ctl")
    if debian:
        return debian[-1]
    if found:
        return Path(found).resolve().parent
    raise FileNotFoundError("PostgreSQL is not installed (Debian: postgresql).")


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database."""
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        folder, binaries = Path(name), programs()
        # It refuses to run as root.
        user: list[str | Path] = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if user:
            shutil.chown(folder, "postgres")
        _run(*user, binaries / "initdb", "-D", folder / "data", "-U", "test", "-A", "trust", "-N")
        control: list[str | Path] = [*user, binaries / "pg_ctl", "-D", folder / "data", "-w", "-s"]
        _run(*control, "-l", folder / "log", "-o", f"-k {folder} {UNSAFE}", "start")
        try:
            yield f"postgresql://test@/postgres?host={folder}"
        finally:
            _run(*control, "-m", "immediate", "stop")


def _run(*command: str | Path) -> None:
    # Inherited pipes would keep the caller waiting for the server itself.
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode()}")
