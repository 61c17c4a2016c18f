"""OCSP by GET, beside OpenBao's in the same run; and how fast answers are made beforehand."""

import base64
import hashlib
import selectors
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.bench.openbao import durable, issue
from tests.bench.result import Result, percentile
from tests.bench.start import megabytes
from tests.servers.instance import Instance, instance

CERTIFICATES = 100_000
ASKED, MORE = 20_000, 180_000
CONNECTIONS = 16
PEERS = 500

FILL = """
import secrets, time
from datetime import timedelta
from django.db import transaction
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.core.bulk import insert_all, new
from providers import services
from providers.models import LedgerEntry
from providers.services.ocsp import producing
authority = services.create_authority(
    actor=Actor.system(), name="bench", kind="root", subject={{"CN": "Bench"}}, key_type="ec256"
)
key, now = authority.active_key(), clock.now()
for start in range(0, {count}, 5000):
    with transaction.atomic():
        insert_all([
            new(
                LedgerEntry, authority_id=authority.pk, key_id=key.pk,
                serial="4f" + secrets.token_hex(18), kind="leaf", state="signed", shard=0,
                public_key_hash=secrets.token_hex(32),
                not_before=now, not_after=now + timedelta(days=90), created_at=now,
                answer_due_at=now,
            )
            for _ in range(5000)
        ])
started = time.perf_counter()
made = 0
while more := producing.produce_due():  # A run is less than a minute.
    made += more
print(made / (time.perf_counter() - started))
print(key.cert.replace(chr(10), "|"))
print(" ".join(LedgerEntry.objects.order_by("?").values_list("serial", flat=True)[:{asked}]))
"""


def measure() -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="bao-") as folder, durable(Path(folder)) as bao:
        issue(bao, PEERS, 8)
        headers = {"X-Vault-Token": bao.token}
        listed = requests.request(
            "LIST", f"{bao.address}/v1/pki/certs", headers=headers, timeout=30
        )
        serials = [int(text.replace(":", ""), 16) for text in listed.json()["data"]["keys"]]
        pem = requests.get(f"{bao.address}/v1/pki/ca/pem", timeout=30).text
        paths = [f"/v1/pki/ocsp/{_encoded(pem, serial)}" for serial in serials]
        theirs, _ = load(bao.port, paths, ASKED)
    with instance() as certmate:
        made, pem, serials = _fill(certmate)
        paths = [f"/pki/bench/ocsp/{_encoded(pem, serial)}" for serial in serials]
        # Each thread has a connection, and each connection a cache of pages.
        load(certmate.port, paths, ASKED)
        before = _memory(certmate)
        ours, taken = load(certmate.port, paths, ASKED)
        load(certmate.port, paths, MORE)
        grown = _memory(certmate) - before
    basis = (
        f"GET by {CONNECTIONS} connections, {CERTIFICATES:,} certificates, {ASKED:,} requests: "
        f"{ours:,.0f}/s; OpenBao with raft and audit file {theirs:,.0f}/s"
    )
    return [
        Result("OpenBao's rate of OCSP against ours", theirs / ours, 1, " x", basis),
        Result("OCSP by GET, p99", percentile(taken, 0.99) * 1000, 25, " ms", basis),
        Result(
            "memory that it takes", grown, 20, " MB", f"PSS after {ASKED + MORE:,} requests more"
        ),
        Result("seconds for 10,000 answers", 10_000 / made, 15, " s", "made beforehand, one core"),
    ]


def _fill(certmate: Instance) -> tuple[float, str, list[int]]:
    script = FILL.format(count=CERTIFICATES, asked=ASKED)
    printed = certmate.manage("shell", "--no-imports", "-c", script).splitlines()
    rate, pem, serials = printed[-3:]
    return float(rate), pem.replace("|", "\n"), [int(text, 16) for text in serials.split()]


def _memory(certmate: Instance) -> float:
    return sum(megabytes(process) for process in certmate.processes())


def _encoded(pem: str, serial: int) -> str:
    """A request as clients put it into a path."""
    issuer = x509.load_pem_x509_certificate(pem.encode())
    bits = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest
    name = hashlib.sha1(issuer.subject.public_bytes(), usedforsecurity=False).digest()
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, bits, serial, hashes.SHA1())
    data = builder.build().public_bytes(Encoding.DER)
    return quote(base64.b64encode(data).decode(), safe="")


def load(port: int, paths: Sequence[str], count: int) -> tuple[float, list[float]]:
    """Requests a second, and what each took; every answer is a successful one.

    One thread over sockets: a client that costs much would measure itself.
    """
    wanted = iter([paths[number % len(paths)] for number in range(count)])
    taken: list[float] = []
    started = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for _ in range(CONNECTIONS):
            connection = Connection(port, wanted)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.ask()
        while selector.get_map():
            for key, _ in selector.select(timeout=60):
                one: Connection = key.data
                seconds = one.read()
                if seconds is None:
                    continue
                taken.append(seconds)
                if not one.ask():
                    selector.unregister(one.socket)
                    one.socket.close()
    assert len(taken) == count
    return count / (time.perf_counter() - started), taken


class Connection:
    """A kept-alive connection that asks one thing after the other."""

    def __init__(self, port: int, wanted: Iterator[str]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wanted, self.buffer, self.began = wanted, b"", 0.0

    def ask(self) -> bool:
        """Send the next request; False if there is none."""
        path = next(self.wanted, None)
        if path is None:
            return False
        self.began, self.buffer = time.perf_counter(), b""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return True

    def read(self) -> float | None:
        """Seconds that the answer took, once it is here."""
        received = self.socket.recv(65536)
        assert received, "the server has closed the connection"
        self.buffer += received
        head, ended, body = self.buffer.partition(b"\r\n\r\n")
        if not ended:
            return None
        fields = head.lower().split(b"content-length:")
        if len(body) < int(fields[1].split(b"\r\n")[0]):
            return None
        # OCSPResponse: successful.
        assert head.startswith(b"HTTP/1.1 200"), head
        assert bytes((0x0A, 1, 0)) in body[:8], body[:8]
        return time.perf_counter() - self.began
