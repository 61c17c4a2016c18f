"""CRLs made by several real workers at once, of which one is killed."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections

from certmate.core import clock
from providers import services
from providers.authority.custody.base import SoftwareSigner
from providers.models import CRL, CRLChange, CRLShard, LedgerEntry
from providers.services import crls
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def revoked() -> LedgerEntry:
    """Of an authority whose CRLs are published, but for this one."""
    root = making.root()
    crls.publish_due()
    entry = making.leaf(root).entry
    services.revoke_entry(actor=SYSTEM, entry=entry)
    return entry


def publish(entry: LedgerEntry) -> None:
    try:
        crls.publish_shard(entry.key_id, entry.shard)
    finally:
        connection.close()


def published() -> list[tuple[int, int]]:
    return list(CRL.objects.order_by("number").values_list("number", "entries"))


def test_many_workers_make_one_crl(revoked: LedgerEntry) -> None:
    ((before, _),) = published()
    with ThreadPoolExecutor(6) as workers:
        list(workers.map(publish, [revoked] * 6))
    (first, second) = published()
    assert (first[0], second[1]) == (before, 1), "one of them made it, the others left it alone"
    assert not CRLChange.objects.filter(is_told=False).exists()
    assert CRLShard.objects.get().lease_token is None


def test_what_a_killed_worker_left_is_made_by_another(
    revoked: LedgerEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = published()
    connections.close_all()
    child = os.fork()
    if child == 0:  # A worker of its own, that ends while it signs.
        SoftwareSigner.sign = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign,assignment]
        publish(revoked)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    crls.publish_shard(revoked.key_id, revoked.shard)
    assert published() == before, "its lease is not over"
    assert CRLChange.objects.count() == 1
    later = clock.now() + crls.LEASE + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert crls.publish_due() == 1
    assert [entries for _, entries in published()] == [0, 1]
