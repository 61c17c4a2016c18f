"""The tasks by which messages and the scheduler reach what authorities do by themselves."""

import threading
from collections.abc import Callable
from uuid import UUID

from celery import shared_task

from certmate.core.stopping import Turn
from providers.services import crls, ledger
from providers.services.ocsp import producing


class _Alone:
    """Work that one thread of a worker does, and does again for whoever came meanwhile, until its
    turn is over. The scheduler asks again each minute.
    """

    def __init__(self, work: Callable[[Turn], object]) -> None:
        self._work = work
        self._busy, self._asked = threading.Lock(), threading.Event()

    def run(self) -> None:
        turn = Turn()
        self._asked.set()
        while self._asked.is_set() and not turn.is_over() and self._busy.acquire(blocking=False):
            try:
                self._asked.clear()
                self._work(turn)
            finally:
                self._busy.release()


# More threads would share one processor and need the memory of each. The others of the worker are
# free for orders, and for a revocation, whose CRL and answer wait for no other.
_crls = _Alone(lambda turn: crls.publish_due(turn=turn))
_answers = _Alone(lambda turn: producing.produce_due(turn))


@shared_task(name="providers.publish_crl")
def publish_crl(key_id: str, shard: int) -> None:
    crls.publish_shard(UUID(key_id), shard)


@shared_task(name="providers.publish_due")
def publish_due() -> None:
    crls.hand_out_due()


@shared_task(name="providers.publish_crls")
def publish_crls() -> None:
    _crls.run()


@shared_task(name="providers.produce_answers")
def produce_answers() -> None:
    _answers.run()


@shared_task(name="providers.answer_one")
def answer_one(entry_id: int) -> None:
    producing.produce_one(entry_id)


@shared_task(name="providers.reconcile_ledger")
def reconcile_ledger() -> None:
    ledger.reconcile()
