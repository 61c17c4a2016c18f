"""A real DNS server (BIND) with a TSIG key on loopback, for tests and the demonstration."""

import base64
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from tests.servers.process import free_port, running

KEY_NAME = "certmate"


@dataclass(frozen=True)
class Bind:
    """A running server whose zones take updates that are signed with the key."""

    port: int
    key_secret: str
    zones: tuple[str, ...]
    log_file: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def credentials(self) -> dict[str, str]:
        """What a DNS account of the provider `rfc2136` needs."""
        return {
            "nameserver": "127.0.0.1",
            "port": str(self.port),
            "tsig_key": KEY_NAME,
            "tsig_secret": self.key_secret,
            "tsig_algorithm": "HMAC-SHA256",
        }

    def texts(self, name: str) -> list[str]:
        """The TXT values at that name now."""
        question = dns.message.make_query(name, "TXT")
        answer = dns.query.tcp(question, "127.0.0.1", timeout=5, port=self.port)
        return [str(text).strip('"') for rrset in answer.answer for text in rrset]

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def is_ready(self) -> bool:
        question = dns.message.make_query(self.zones[0], "SOA")
        try:
            answer = dns.query.tcp(question, "127.0.0.1", timeout=1, port=self.port)
        except (OSError, EOFError, dns.exception.DNSException):
            return False
        return bool(answer.answer)


@contextmanager
def bind(
    zones: Sequence[str] = ("example.test",),
    *,
    records: str = "* IN A 127.0.0.1\n",
    extra: Mapping[str, str] | None = None,
    is_resolver: bool = False,
    forwards: Mapping[str, int] | None = None,
) -> Iterator[Bind]:
    """A server of these zones, each with the given records (master-file lines relative to it), and
    with the `extra` ones of that zone. As a resolver it follows a CNAME into another zone, and asks
    the server at that port of this machine about each zone that it `forwards`.
    """
    with tempfile.TemporaryDirectory(prefix="bind-") as name:
        folder = Path(name)
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        server = Bind(free_port(), key, tuple(zones), folder / "log")
        for zone in zones:
            (folder / f"{zone}.zone").write_text(zone_file(records + (extra or {}).get(zone, "")))
        config = _config(server, folder, is_resolver=is_resolver or bool(forwards))
        (folder / "named.conf").write_text(config + _forwarding(forwards or {}))
        command = ["named", "-g", "-n", "1", "-c", str(folder / "named.conf")]
        with running(command, log=server.log_file, is_ready=server.is_ready):
            yield server


def _forwarding(forwards: Mapping[str, int]) -> str:
    return "".join(
        f'zone "{zone}" {{ type forward; forward only;'
        f" forwarders {{ 127.0.0.1 port {port}; }}; }};\n"
        for zone, port in forwards.items()
    )


def zone_file(records: str) -> str:
    """A master file with what every zone has, and these records."""
    return f"$TTL 1\n@ IN SOA ns hostmaster 1 60 60 600 1\n@ IN NS ns\n@ IN A 127.0.0.1\n{records}"


def _config(server: Bind, folder: Path, *, is_resolver: bool) -> str:
    zones = "".join(
        f'zone "{zone}" {{ type primary; file "{zone}.zone";'
        f' allow-update {{ key "{KEY_NAME}"; }}; }};\n'
        for zone in server.zones
    )
    return (
        f'options {{ directory "{folder}"; pid-file none; session-keyfile none;'
        f" recursion {'yes' if is_resolver else 'no'};"
        f" listen-on port {server.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};"
        " dnssec-validation no; max-cache-ttl 0; max-ncache-ttl 0;"
        " allow-transfer { none; }; notify no; };\n"
        "controls { };\n"
        f'key "{KEY_NAME}" {{ algorithm hmac-sha256; secret "{server.key_secret}"; }};\n{zones}'
    )
