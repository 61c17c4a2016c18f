"""A real ACME server (Pebble) on loopback, for tests and for the demonstration."""

import json
import os
import re
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.servers.authority import ServerIdentity, server_identity
from tests.servers.process import NotStarted, free_port, running


@dataclass(frozen=True)
class Pebble:
    """A running Pebble. `http_port` is where it looks for HTTP-01 answers."""

    port: int
    management_port: int
    http_port: int
    identity: ServerIdentity
    log_file: Path

    @property
    def directory_url(self) -> str:
        return f"https://127.0.0.1:{self.port}/dir"

    @property
    def trust_pem(self) -> str:
        """The root of Pebble's own HTTPS endpoint."""
        return self.identity.root_pem

    @cached_property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.trust_pem)

    def root(self) -> str:
        """The root certificate that what it issues leads to."""
        return self._get(f"https://127.0.0.1:{self.management_port}/roots/0").decode()

    def status(self, serial: str) -> dict[str, Any]:
        """What it knows of the certificate with that serial in hexadecimal."""
        url = f"https://127.0.0.1:{self.management_port}/cert-status-by-serial/{serial}"
        found: dict[str, Any] = json.loads(self._get(url))
        return found

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def issued(self) -> int:
        """How many certificates it has issued."""
        return self.log().count("Issued certificate serial")

    def registered(self) -> int:
        """How many accounts it has made."""
        return len(re.findall(r"There are now \d+ accounts in memory", self.log()))

    def is_ready(self) -> bool:
        try:
            return bool(self._get(self.directory_url))
        except (urllib.error.URLError, OSError):
            return False

    def _get(self, url: str) -> bytes:
        with urllib.request.urlopen(url, timeout=5, context=self.context) as answer:
            body: bytes = answer.read()
        return body


@contextmanager
def pebble(
    *,
    dns: str = "",
    port: int = 0,
    http_port: int = 0,
    eab: Mapping[str, str] | None = None,
    nonce_reject: int = 0,
    always_valid: bool = False,
    reuse_authorizations: int = 0,
    validity_seconds: int = 90 * 86400,
    blocklist: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Pebble]:
    """A Pebble that resolves through the DNS server `dns` (address:port).

    `eab` maps key ids to base64url HMAC keys and makes the binding required. `environment` adds
    further PEBBLE_ variables.
    """
    knobs = {
        "PATH": os.environ["PATH"],
        "PEBBLE_VA_NOSLEEP": "1",
        "PEBBLE_VA_ALWAYS_VALID": "1" if always_valid else "0",
        "PEBBLE_WFE_NONCEREJECT": str(nonce_reject),
        "PEBBLE_AUTHZREUSE": str(reuse_authorizations),
        **(environment or {}),
    }
    with tempfile.TemporaryDirectory(prefix="pebble-") as name:
        folder = Path(name)
        server = Pebble(
            port or free_port(),
            free_port(),
            http_port or free_port(),
            server_identity(folder),
            folder / "log",
        )
        config = _config(server, eab or {}, validity_seconds, blocklist)
        (folder / "config.json").write_text(json.dumps({"pebble": config}))
        command = ["pebble", "-config", str(folder / "config.json")]
        command += ["-dnsserver", dns] if dns else []
        with running(command, log=server.log_file, is_ready=server.is_ready, environment=knobs):
            yield server


def _config(
    server: Pebble, eab: Mapping[str, str], validity_seconds: int, blocklist: Sequence[str]
) -> dict[str, Any]:
    return {
        "listenAddress": f"127.0.0.1:{server.port}",
        "managementListenAddress": f"127.0.0.1:{server.management_port}",
        "certificate": str(server.identity.certificate),
        "privateKey": str(server.identity.key),
        "httpPort": server.http_port,
        "tlsPort": server.http_port,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": bool(eab),
        "externalAccountMACKeys": dict(eab),
        "domainBlocklist": list(blocklist),
        "certificateValidityPeriod": validity_seconds,
    }


__all__ = ["NotStarted", "Pebble", "pebble"]
