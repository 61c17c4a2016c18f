"""The audit log at a million rows: what a row costs when it is written, how long all of them take
to verify, and how fast the list is under each filter.
"""

import time

from tests.bench.result import Result
from tests.servers.instance import Instance, bootstrapped

ROWS = 1_000_000
WRITTEN = 2_000

FILL = """
import itertools
from datetime import timedelta
from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from certmate.audit import keys, sealing
from certmate.audit.canonical import of_objects
from certmate.audit.models import Event, Leaf, Unsealed
from certmate.core import clock
sealing.seal()
kind = ContentType.objects.get(app_label="certificates", model="certificate")
begun = clock.now()
names = ("certificate.renewed", "certificate.changed", "key.exported", "certificate.failed")
first = LogEntry.objects.latest("id").id + 1
for start in range(0, {rows}, 10_000):
    entries, events = [], []
    for n in range(start, start + 10_000):
        entry = LogEntry(
            id=first + n, content_type=kind, object_pk=str(n % 5000), object_id=n % 5000,
            object_repr=f"host-{{n % 5000:06}}.example.test", action=1 if n % 2 else 3,
            changes={{"state": ["pending", "active"], "renew_at": ["None", "2027-01-01 00:00:00"]}},
            timestamp=begun + timedelta(microseconds=n), cid=f"request-{{n // 3}}",
            remote_addr=f"10.0.{{n % 200}}.7",
            additional_data={{"event": names[n % 4], "order": n}},
        )
        event = Event(
            entry_id=entry.id, name=names[n % 4], at=entry.timestamp,
            actor_kind="schedule" if n % 3 else "person", actor_name=f"user-{{n % 50}}",
            actor_id=n % 50, object_kind="certificates.certificate", object_pk=entry.object_pk,
            request_id=entry.cid, order_id=n, address=entry.remote_addr,
            token_id=str(n % 20) if n % 5 == 0 else "",
        )
        event.mac = keys.mark(of_objects(event, entry))
        entries.append(entry)
        events.append(event)
    with transaction.atomic():
        LogEntry.objects.bulk_create(entries, batch_size=500)
        Event.objects.bulk_create(events, batch_size=500)
        Unsealed.objects.bulk_create(Unsealed(entry_id=e.id) for e in entries)
    while sealing.seal():
        pass
print(Leaf.objects.count())
"""

WRITE = """
import time
from auditlog.models import LogEntry
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models.signals import post_save, pre_save
from certmate.audit import writing
from certmate.audit.services import record
group = Group.objects.create(name="written")

def measured():
    taken = []
    for _ in range({rows}):
        started = time.perf_counter()
        with transaction.atomic():
            record(group, "group.told", number=1)
        taken.append(time.perf_counter() - started)
    return sorted(taken)[len(taken) // 2] * 1000

def bare():
    pre_save.disconnect(sender=LogEntry, dispatch_uid="certmate.audit.stamp")
    post_save.disconnect(sender=LogEntry, dispatch_uid="certmate.audit.complete")
    try:
        return measured()
    finally:
        pre_save.connect(writing.stamp, sender=LogEntry, dispatch_uid="certmate.audit.stamp")
        post_save.connect(writing.complete, sender=LogEntry, dispatch_uid="certmate.audit.complete")

measured()
print(bare(), measured())
"""

LISTS = """
import time
from certmate.audit.models import Event
from certmate.audit.queries import events
filters = ({{}}, {{"event": "key.exported"}}, {{"actor": "user-7"}}, {{"actor_kind": "person"}},
    {{"object_kind": "certificates.certificate"}}, {{"address": "10.0.9.7"}}, {{"token": "5"}},
    {{"object_kind": "certificates.certificate", "object_pk": "77"}}, {{"request": "request-99"}},
    {{"order": 4711}}, {{"event": "nothing.such"}})
slowest = 0.0
for wanted in filters:
    for _ in range(20):
        started = time.perf_counter()
        list(events(wanted).select_related("entry").order_by("-at", "-pk")[:50])
        events(wanted).order_by().values("pk")[:1051].count()
        slowest = max(slowest, time.perf_counter() - started)
print(slowest * 1000)
"""


def measure() -> list[Result]:
    with bootstrapped() as certmate:
        bare, ours = _numbers(certmate, WRITE.format(rows=WRITTEN))
        # Rows without an event are no longer a sound log.
        basis = f"median of {WRITTEN:,} rows, {ours:.2f} against {bare:.2f} ms by auditlog alone"
        results = [Result("sealed audit row, beside auditlog's own", ours - bare, 1, " ms", basis)]
    with bootstrapped() as certmate:
        (count,) = _numbers(certmate, FILL.format(rows=ROWS))
        started = time.perf_counter()
        certmate.manage("verify_audit")
        taken = time.perf_counter() - started
        results.append(Result("verify_audit", taken, 60, " s", f"{count:,.0f} rows, one core"))
        (slowest,) = _numbers(certmate, LISTS.format())
        basis = f"slowest of 20 under each of 11 filters, {count:,.0f} rows"
        results.append(Result("page of the audit log", slowest, 150, " ms", basis))
    return results


def _numbers(certmate: Instance, script: str) -> list[float]:
    printed = certmate.manage("shell", "--no-imports", "-c", script)
    return [float(word) for word in printed.splitlines()[-1].split()]
