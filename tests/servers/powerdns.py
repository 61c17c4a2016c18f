"""A real PowerDNS with its HTTP API on loopback."""

import sqlite3
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.bind import Bind
from tests.servers.process import free_port, running

SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
API_KEY = "powerdns-key-for-tests"


@dataclass(frozen=True)
class PowerDNS:
    """A running server; `dns` asks it what it serves."""

    api_port: int
    dns: Bind

    def credentials(self) -> dict[str, str]:
        """What a DNS account of the provider `powerdns` needs."""
        return {"api_url": f"http://127.0.0.1:{self.api_port}", "api_key": API_KEY}

    def is_ready(self) -> bool:
        url = f"http://127.0.0.1:{self.api_port}/api/v1/servers/localhost"
        request = urllib.request.Request(url, headers={"X-API-Key": API_KEY})
        try:
            with urllib.request.urlopen(request, timeout=5):
                return self.dns.is_ready()
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def powerdns(zone: str = "example.test") -> Iterator[PowerDNS]:
    """A server of this zone."""
    with tempfile.TemporaryDirectory(prefix="powerdns-") as name:
        folder = Path(name)
        _fill(folder / "zones.db", zone)
        server = PowerDNS(free_port(), Bind(free_port(), "", (zone,), folder / "log"))
        options = {
            "config-dir": name,
            "socket-dir": name,
            "launch": "gsqlite3",
            "gsqlite3-database": str(folder / "zones.db"),
            "local-address": "127.0.0.1",
            "local-port": server.dns.port,
            "api": "yes",
            "api-key": API_KEY,
            "webserver": "yes",
            "webserver-address": "127.0.0.1",
            "webserver-port": server.api_port,
            "query-cache-ttl": 0,
            "negquery-cache-ttl": 0,
            "cache-ttl": 0,
            "receiver-threads": 1,
        }
        command = ["pdns_server", *(f"--{key}={value}" for key, value in options.items())]
        with running(command, log=server.dns.log_file, is_ready=server.is_ready):
            yield server


def _fill(path: Path, zone: str) -> None:
    records = {
        "SOA": [(zone, f"ns.{zone} hostmaster.{zone} 1 60 60 600 1")],
        "NS": [(zone, f"ns.{zone}")],
        "A": [(zone, "127.0.0.1"), (f"*.{zone}", "127.0.0.1"), (f"ns.{zone}", "127.0.0.1")],
    }
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA.read_text())
        database.execute("INSERT INTO domains (name, type) VALUES (?, 'NATIVE')", (zone,))
        database.executemany(
            "INSERT INTO records (domain_id, name, type, content, ttl, auth)"
            " VALUES (1, ?, ?, ?, 1, 1)",
            [(name, kind, content) for kind in records for name, content in records[kind]],
        )
    database.close()
