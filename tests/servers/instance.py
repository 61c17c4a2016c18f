"""A whole CertMate as its users have it: bootstrapped in an empty directory and served by
`manage.py serve`.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.servers.process import free_port, running

PROJECT = Path(__file__).resolve().parents[2]
ADMIN_PASSWORD = "a password that only tests use"


@dataclass
class Instance:
    """A running CertMate with a token of its administrator."""

    port: int
    data: Path
    environment: dict[str, str]
    log_file: Path
    token: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str) -> str:
        """Run a management command; what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"manage.py {arguments[0]}: {done.stdout}\n{done.stderr}")
        return done.stdout

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """Call the API with the token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.session.request(
            method, self.url + path, json=body, headers=headers, timeout=310, **options
        )

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.url}/health", timeout=2).ok
        except requests.RequestException:
            return False

    def processes(self) -> list[int]:
        """The process ids of everything that belongs to this instance."""
        marker = f"CERTMATE_DATA_DIR={self.data}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if marker in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:
                    continue  # It has ended meanwhile.
        return found


@contextmanager
def bootstrapped(settings: Mapping[str, str] | None = None) -> Iterator[Instance]:
    """Ready to be served; everything is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="certmate-instance-") as name:
        made = Instance(free_port(), Path(name) / "data", {}, Path(name) / "log")
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("CERTMATE_", "DJANGO_"))
        }
        made.environment = kept | {
            "CERTMATE_DATA_DIR": str(made.data),
            "CERTMATE_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "PORT": str(made.port),
            **(settings or {}),
        }
        made.manage("bootstrap")
        made.token = made.manage("create_token", "--user", "admin", "--scope", "admin").split()[-1]
        yield made


@contextmanager
def instance(settings: Mapping[str, str] | None = None) -> Iterator[Instance]:
    """Bootstrapped and served."""
    with bootstrapped(settings) as made, serving(made):
        yield made


@contextmanager
def serving(made: Instance) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py serve`, answering."""
    command = [sys.executable, str(PROJECT / "manage.py"), "serve"]
    with running(
        command, log=made.log_file, is_ready=made.is_up, environment=made.environment
    ) as process:
        yield process


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """The first true answer of `condition`; an AssertionError that says `what` was waited for."""
    until = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > until:
            raise AssertionError(f"Not within {seconds} s: {what}")
        time.sleep(0.1)
    return answer
