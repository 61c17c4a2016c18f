"""A real DNS server (Knot) with a TSIG key on loopback."""

import base64
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.bind import KEY_NAME, Bind, zone_file
from tests.servers.process import free_port, running


@contextmanager
def knot(zone: str = "example.test") -> Iterator[Bind]:
    """A server of this zone, which takes updates that are signed with the key."""
    with tempfile.TemporaryDirectory(prefix="knot-") as name:
        folder = Path(name)
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        server = Bind(free_port(), key, (zone,), folder / "log")
        (folder / f"{zone}.zone").write_text(zone_file("* IN A 127.0.0.1\n"))
        (folder / "knot.conf").write_text(_config(server, folder))
        command = ["knotd", "-c", str(folder / "knot.conf")]
        with running(command, log=server.log_file, is_ready=server.is_ready):
            yield server


def _config(server: Bind, folder: Path) -> str:
    (zone,) = server.zones
    return f"""
server:
    rundir: {folder}
    listen: 127.0.0.1@{server.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {folder}
key:
  - id: {KEY_NAME}
    algorithm: hmac-sha256
    secret: {server.key_secret}
acl:
  - id: updates
    key: {KEY_NAME}
    action: update
zone:
  - domain: {zone}
    storage: {folder}
    file: {zone}.zone
    zonefile-sync: -1
    acl: updates
"""
