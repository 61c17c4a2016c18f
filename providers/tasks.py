"""The tasks by which messages and the scheduler reach what authorities do by themselves."""

import threading
from uuid import UUID

from celery import shared_task

from certmate.core.stopping import Turn
from providers.services import crls, ledger
from providers.services.ocsp import producing

_publishing = threading.Lock()
_making, _asked = threading.Lock(), threading.Event()


@shared_task(name="providers.publish_crl")
def publish_crl(key_id: str, shard: int) -> None:
    crls.publish_shard(UUID(key_id), shard)


@shared_task(name="providers.publish_due")
def publish_due() -> None:
    crls.hand_out_due()


@shared_task(name="providers.publish_crls")
def publish_crls() -> None:
    """One thread of a worker does it: more would share its processor and need the memory of each.
    The others are free for orders, and for a revocation, whose CRL waits for no other.
    """
    if _publishing.acquire(blocking=False):
        try:
            crls.publish_due(turn=Turn())
        finally:
            _publishing.release()


@shared_task(name="providers.produce_answers")
def produce_answers() -> None:
    """One thread of a worker does it, and does it again for whoever came meanwhile."""
    turn = Turn()
    _asked.set()
    while _asked.is_set() and not turn.is_over() and _making.acquire(blocking=False):
        try:
            _asked.clear()
            producing.produce_due(turn)
        finally:
            _making.release()


@shared_task(name="providers.answer_one")
def answer_one(entry_id: int) -> None:
    producing.produce_one(entry_id)


@shared_task(name="providers.reconcile_ledger")
def reconcile_ledger() -> None:
    ledger.reconcile()
