"""Client certificates of a private CA: in batches, one by one, and a million of them in lists."""

import json
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from tests.bench.grants import on_postgresql
from tests.bench.lists import UNTHROTTLED, latencies
from tests.bench.openbao import durable, in_memory, issue
from tests.bench.result import Result, percentile
from tests.bench.start import megabytes
from tests.servers.instance import Instance, instance
from tests.servers.openbao import OpenBao

BATCH = 10_000
LARGE_BATCH = 100_000
PEER = 3_000
CLIENTS = 8
ONE_BY_ONE = 600
WARM = 100
LISTED = 1_000_000
REQUESTS = 100


def measure_batch() -> list[Result]:
    """In one run and on one machine: ours, OpenBao's, and what signing alone would cost."""
    theirs, fleeting = (_rate_of(server) for server in (durable, in_memory))
    bare = _bare_rate()
    with instance(UNTHROTTLED) as certmate:
        _prepare(certmate)
        _batch(certmate, "warm", 1000)
        ours, whole = _batch(certmate, "fast", BATCH)
    basis = (
        f"{BATCH:,} rows, P-256, database target: {ours:,.0f}/s issued, {whole:,.0f}/s from the "
        f"call on; OpenBao with raft and audit file {theirs:,.0f}/s, in memory {fleeting:,.0f}/s, "
        f"for {PEER:,} by {CLIENTS} clients; bare signing of the same "
        f"certificate {bare:,.0f}/s in one process"
    )
    return [
        Result("batch, seconds for 2,000 certificates", 2000 / ours, 1, " s", basis),
        Result("OpenBao's rate against ours", theirs / ours, 1 / 1.5, " x", basis),
        Result("a third of bare signing's rate against ours", bare / 3 / ours, 1, " x", basis),
    ]


def _rate_of(server: Callable[[Path], AbstractContextManager[OpenBao]]) -> float:
    with tempfile.TemporaryDirectory(prefix="bao-") as folder, server(Path(folder)) as bao:
        issue(bao, 200, CLIENTS)
        return PEER / issue(bao, PEER, CLIENTS)


def measure_large_batch() -> list[Result]:
    with instance(UNTHROTTLED) as certmate:
        _prepare(certmate)
        before = _memory(certmate)
        peak = [before]
        with _sampling(lambda: peak.append(_memory(certmate))):
            rate, _ = _batch(certmate, "large", LARGE_BATCH)
    basis = f"{LARGE_BATCH:,} rows at {rate:,.0f}/s; {before:.0f} MB PSS before, all processes"
    return [Result("memory that a batch takes at its peak", max(peak) - before, 400, " MB", basis)]


def measure_one_by_one() -> list[Result]:
    with instance(UNTHROTTLED) as certmate:
        _prepare(certmate)
        _at_once(certmate, WARM, "warm")
        taken = [_one(certmate, f"alone-{number}") for number in range(REQUESTS)]
        rate = _at_once(certmate, ONE_BY_ONE, "many")
    basis = f"{REQUESTS} calls in a row over HTTP, database target"
    many = (
        f"{rate:.0f}/s: {ONE_BY_ONE} calls by {CLIENTS} clients on the web as it is served, each "
        "call with a connection of its own"
    )
    return [
        Result("one certificate by the API, p95", percentile(taken, 0.95) * 1000, 30, " ms", basis),
        Result("seconds for 100 certificates by the API", 100 / rate, 1, " s", many),
    ]


def measure_million() -> list[Result]:
    results = []
    with instance(UNTHROTTLED) as certmate:
        results += _lists(certmate, "SQLite")
    with on_postgresql() as certmate:
        results += _lists(certmate, "PostgreSQL")
    return results


def _lists(certmate: Instance, database: str) -> list[Result]:
    made = certmate.manage("shell", "--no-imports", "-c", MILLION.format(count=LISTED))
    assert made.split()[-1] == str(LISTED), made
    paths = {
        "first page": "/api/client-certificates",
        "by expiry": "/api/client-certificates?ordering=expires_at",
        "prefix": "/api/client-certificates?search=device-0424242",
        "serial": f"/api/client-certificates?search={424242:040x}",
        "active": "/api/client-certificates?state=active&ordering=-created_at",
    }
    found = []
    for what, path in paths.items():
        latencies(certmate, path, 20)
        taken = percentile(latencies(certmate, path, REQUESTS), 0.95) * 1000
        name = f"{database}: client certificates of {LISTED:,}, {what}"
        found.append(Result(name, taken, 150, " ms", f"p95 of {REQUESTS} over HTTP"))
    return found


def _prepare(certmate: Instance) -> None:
    """An authority and a place in the database."""
    authority = {
        "name": "bench",
        "kind": "root",
        "subject": {"CN": "Bench"},
        "key_type": "ec256",
        "is_default": True,
    }
    target = {"name": "rows", "backend": "database", "is_default": True}
    for path, body in (("/api/authorities", authority), ("/api/storage-targets", target)):
        answer = certmate.call("POST", path, body)
        assert answer.status_code == 201, answer.text


def _batch(certmate: Instance, name: str, count: int) -> tuple[float, float]:
    """Certificates a second: while they were issued, and from the call to the end."""
    rows = [
        {"common_name": f"{name}-{n}", "san": {"dns": [f"{name}-{n}.example.test"]}}
        for n in range(count)
    ]
    started = time.perf_counter()
    answer = certmate.call(
        "POST", "/api/client-certificates/batch", {"profile": "device", "rows": rows}
    )
    assert answer.status_code == 202, answer.text
    path = f"/api/client-certificates/batch/{answer.json()['id']}"
    while (batch := certmate.call("GET", path).json())["state"] in ("queued", "running", "loading"):
        time.sleep(0.2)
    whole = time.perf_counter() - started
    assert (batch["state"], batch["issued"]) == ("done", count), batch
    began, ended = (datetime.fromisoformat(batch[key]) for key in ("started_at", "finished_at"))
    return count / (ended - began).total_seconds(), count / whole


def _at_once(certmate: Instance, count: int, name: str) -> float:
    """Certificates a second that clients get who call at the same time."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        started = time.perf_counter()
        list(clients.map(lambda number: _one(certmate, f"{name}-{number}"), range(count)))
        return count / (time.perf_counter() - started)


def _one(certmate: Instance, name: str) -> float:
    """How long it takes. By the plainest client there is, which shares the processors with what is
    measured.
    """
    started = time.perf_counter()
    with closing(HTTPConnection("127.0.0.1", certmate.port, timeout=60)) as connection:
        connection.request(
            "POST",
            "/api/client-certificates",
            json.dumps({"common_name": name, "profile": "device"}),
            {"Authorization": f"Bearer {certmate.token}", "Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        body = answer.read()
    assert answer.status == 201, body
    return time.perf_counter() - started


def _bare_rate(count: int = 3000) -> float:
    """A key in PEM and a certificate with the extensions that ours have, by the library alone."""
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Bench")])
    begins = datetime.now(UTC)
    key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    started = time.perf_counter()
    for number in range(count):
        key = ec.generate_private_key(ec.SECP256R1())
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        name = f"device-{number}"
        _bare(name, key.public_key(), issuer, begins, key_id).sign(
            authority, hashes.SHA256()
        ).public_bytes(serialization.Encoding.PEM)
    return count / (time.perf_counter() - started)


def _bare(
    name: str,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    begins: datetime,
    key_id: x509.AuthorityKeyIdentifier,
) -> x509.CertificateBuilder:
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://pki.example.test/crl/0.crl")], None, None, None
    )
    place = x509.UniformResourceIdentifier("http://pki.example.test/ca.cer")
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
    usage = x509.KeyUsage(True, *[False] * 8)
    extensions: list[tuple[Any, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.SubjectAlternativeName([x509.DNSName(f"{name}.example.test")]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
        (key_id, False),
        (x509.CRLDistributionPoints([point]), False),
        (x509.AuthorityInformationAccess([access]), False),
    ]
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365))
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder


def _memory(certmate: Instance) -> float:
    """Megabytes of all processes, what they share counted once."""
    total = 0.0
    for process in certmate.processes():
        with suppress(OSError):  # It may have ended meanwhile.
            total += megabytes(process)
    return total


class _sampling:  # noqa: N801 - Reads like the function that it stands for.
    """Call a function every half second while the block runs."""

    def __init__(self, sample: Callable[[], object]) -> None:
        self._sample, self._ended = sample, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.5):
            self._sample()


MILLION = """
from datetime import timedelta
from django.db import connection, transaction
from certmate.core import clock
from certmate.core.bulk import insert_all, new
from clients.models import ClientCertificate, ClientVersion
from storage.models import StorageTarget
count = {count}
now = clock.now()
target = StorageTarget.objects.get(is_default=True)
for start in range(0, count, 5000):
    with transaction.atomic():
        rows = []
        versions = []
        for n in range(start, start + 5000):
            ends = now + timedelta(days=30, seconds=n * 7919 % count)
            version = new(
                ClientVersion, number=1, storage_target=target, serial=f"{{n:040x}}",
                fingerprint=f"{{n:064x}}", issuer="CN=Bench", subject=f"CN=Device {{n}}",
                not_before=now, not_after=ends, key_algorithm="ECDSA", key_size=256,
                public_key_hash=f"{{n:064x}}", created_at=now, stored_at=now,
            )
            rows.append(new(
                ClientCertificate, identifier=f"device-{{n:07}}", common_name=f"Device {{n}}",
                storage_target=target, state="active", certificate_type="device",
                expires_at=ends, current_version_id=version.pk, subject={{"CN": f"Device {{n}}"}},
            ))
            versions.append(version)
        insert_all(rows)
        for row, version in zip(rows, versions):
            version.certificate_id = row.pk
        insert_all(versions)
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")
print(ClientCertificate.objects.count())
"""
