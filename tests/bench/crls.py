"""CRLs of a large authority: a million revoked of five million certificates, in 64 shards."""

import json
import time
from pathlib import Path

from tests.bench.lists import UNTHROTTLED
from tests.bench.result import Result
from tests.servers.instance import Instance, bootstrapped, serving, wait_until

ISSUED, REVOKED, SHARDS = 5_000_000, 1_000_000, 64

FILL = """
from django.db import connection
from providers.models import AuthorityKey
key = AuthorityKey.objects.get(authority__name="bench")
with connection.cursor() as cursor:
    cursor.execute("PRAGMA cache_size=-524288")  # Of all at once.
    cursor.execute('''
        INSERT INTO providers_ledgerentry (authority_id, key_id, serial, kind, state, profile,
            holder, subject, public_key_hash, shard, not_before, not_after, request_id, created_at,
            signed_at, note)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)
        SELECT %s, %s, '10' || lower(hex(randomblob(19))), 'leaf', 'signed', 'device', 'bench',
            'CN=' || i, i, i %% %s, datetime('now'), datetime('now', '+300 days'), '',
            datetime('now'), datetime('now'), '' FROM n''',
        [{issued}, key.authority_id.hex, key.pk.hex, {shards}])
    cursor.execute('''
        INSERT INTO providers_revocation (entry_id, key_id, shard, serial, reason, revoked_at,
            not_after)
        SELECT id, key_id, shard, serial,
            CASE id %% 2 WHEN 0 THEN 'superseded' ELSE 'keyCompromise' END,
            strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (id * 7 %% 7776000) || ' seconds'),
            not_after
        FROM providers_ledgerentry WHERE state = 'signed' AND holder = 'bench' LIMIT %s''',
        [{revoked}])
    cursor.execute("ANALYZE")
"""

ALL = """
import json, time
from certmate.core import clock
from certmate.core.jobs import enqueue
from providers.models import CRL, CRLShard, LedgerEntry
from providers.services.crl_changes import PUBLISH_DUE
now = clock.now()
CRLShard.objects.update(due_at=now)
begin = time.monotonic()
enqueue(PUBLISH_DUE)
while CRLShard.objects.exclude(this_update__gt=now).exists():
    time.sleep(0.1)
whole = time.monotonic() - begin
entries = sum(CRL.objects.filter(shard=n).latest("number").entries for n in range({shards}))
left = LedgerEntry.objects.filter(holder="bench", revocation=None).order_by("-id")[100]
print(json.dumps([whole, entries, left.serial, left.shard]))
"""

ONE = """
import time
from certmate.access.actors import Actor
from providers.models import LedgerEntry
from providers.services import crls, revoke_entry
taken = []
for entry in LedgerEntry.objects.filter(holder="bench", revocation=None).order_by("-id")[:10]:
    revoke_entry(actor=Actor.system(), entry=entry)
    begin = time.monotonic()
    crls.publish_shard(entry.key_id, entry.shard)
    taken.append(time.monotonic() - begin)
print(sorted(taken)[5])
"""


def measure() -> list[Result]:
    with bootstrapped(UNTHROTTLED) as certmate:
        with serving(certmate):
            authority = {
                "name": "bench",
                "kind": "root",
                "subject": {"CN": "Bench"},
                "key_type": "ec256",
                "crl_shards": SHARDS,
            }
            certmate.call("POST", "/api/authorities", authority).raise_for_status()
        _script(certmate, FILL.format(issued=ISSUED, revoked=REVOKED, shards=SHARDS))
        with serving(certmate):
            said = _script(certmate, ALL.format(shards=SHARDS))
            whole, entries, serial, shard = json.loads(said.splitlines()[-1])
            assert entries == REVOKED, said
            peak = sum(map(_peak, certmate.processes()))
            delay = _published_after(certmate, serial, shard)
        one = float(_script(certmate, ONE).splitlines()[-1])
    basis = f"{REVOKED:,} revoked of {ISSUED:,}, {SHARDS} shards, P-256, SQLite"
    served = f"{basis}, by the one worker process of `serve`"
    return [
        Result("all CRLs of an authority", whole, 30, " s", served),
        Result("memory that this takes", peak, 500, " MB", "peak RSS of the worker"),
        Result("one shard after a revocation", one * 1000, 300, " ms", f"median of 10; {basis}"),
        Result("from the call to the CRL", delay, 5, " s", "over HTTP, as it is served"),
    ]


def _peak(process: int) -> float:
    """The most megabytes that the process has held, if it is the worker."""
    folder = Path(f"/proc/{process}")
    if b"worker" not in (folder / "cmdline").read_bytes().split(b"\0"):
        return 0.0
    for line in (folder / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _script(certmate: Instance, text: str) -> str:
    return certmate.manage("shell", "--no-imports", "-c", text)


def _published_after(certmate: Instance, serial: str, shard: int) -> float:
    """Seconds from the revocation's call until the CRL at its address has it."""
    url = f"/pki/bench/crl/{shard}.crl"
    number = bytes.fromhex(serial)
    assert number not in certmate.call("GET", url).content
    begin = time.monotonic()
    certmate.call("POST", f"/api/authorities/bench/ledger/{serial}/revoke", {}).raise_for_status()
    wait_until(
        lambda: number in certmate.call("GET", url).content, seconds=60, what="the revocation"
    )
    return time.monotonic() - begin
