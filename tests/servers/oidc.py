"""An OpenID Connect provider as a process of its own: oidc-provider-mock, on loopback."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.servers.process import free_port, running

TIMEOUT = 10


@dataclass(frozen=True)
class OpenIDServer:
    """The provider; it believes whoever is named at its form."""

    issuer: str

    def is_ready(self) -> bool:
        try:
            return bool(self.discovery()["issuer"] == self.issuer)
        except requests.RequestException:
            return False

    def discovery(self) -> dict[str, Any]:
        url = f"{self.issuer}/.well-known/openid-configuration"
        found: dict[str, Any] = requests.get(url, timeout=TIMEOUT).json()
        return found

    def knows(self, subject: str, **claims: Any) -> None:
        """Say these claims of the subject from now on."""
        url = f"{self.issuer}/users/{subject}"
        requests.put(url, json=claims, timeout=TIMEOUT).raise_for_status()

    def authorize(self, url: str, subject: str) -> str:
        """What the person does there; returns the address that the browser is sent back to."""
        answer = requests.post(url, data={"sub": subject}, timeout=TIMEOUT, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def deny(self, url: str) -> str:
        """The person says no."""
        form = {"action": "deny"}
        answer = requests.post(url, data=form, timeout=TIMEOUT, allow_redirects=False)
        return answer.headers["Location"]


@contextmanager
def openid_server() -> Iterator[OpenIDServer]:
    """A provider that takes any client and any subject."""
    port = free_port()
    server = OpenIDServer(f"http://127.0.0.1:{port}")
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    command += ["--require-nonce", "true"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"}
    with tempfile.TemporaryDirectory(prefix="oidc-") as folder:
        log = Path(folder) / "log"
        with running(command, log=log, is_ready=server.is_ready, environment=environment):
            yield server
