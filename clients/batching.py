"""Batches carried out: claimed by one worker, and taken up again wherever one was killed."""

import logging
import uuid
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta

from django.db import DataError, InterfaceError, OperationalError, transaction
from django.db.models.functions import Coalesce

from certmate.audit.context import Context, running
from certmate.audit.services import record
from certmate.core import claims, clock
from certmate.core.errors import CertMateError, InvalidRequest, LeaseLost
from certmate.core.jobs import enqueue
from clients.batch_run import LEASE, Run
from clients.choices import BatchState
from clients.models import Batch
from clients.services.batches import RUN_BATCH

logger = logging.getLogger(__name__)

WAKE_AT_ONCE = 20
LOADING_AT_MOST = timedelta(hours=1)


def run_batch(batch_id: int) -> None:
    """Issue what is left of the batch if nobody else is at it.

    What fails for a while leaves it to the sweep; what does not is written to its row.
    """
    now = clock.now()
    token = claims.claim(
        Batch.objects.claimable(now),
        batch_id,
        lease=LEASE,
        now=now,
        state=BatchState.RUNNING,
        started_at=Coalesce("started_at", now),
    )
    if token is None:
        return
    related = ("authority", "profile", "storage_target", "team", "requested_by", "requested_token")
    batch = Batch.objects.select_related(*related).get(pk=batch_id)
    with running(
        Context(
            request_id=batch.request_id or f"batch-{batch.pk}",
            user=batch.requested_by,
            token=batch.requested_token,
        )
    ):
        try:
            Run(batch, token).carry_out()
        except LeaseLost as error:
            logger.warning("%s: stopped: %s", batch, error.detail)
        except (DataError, ValueError):
            # What is in a row stays there: another attempt would end in the same way.
            logger.exception("%s holds what cannot be kept", batch)
            detail = "A row holds what the database does not take; the log of the worker says what."
            _stop(batch, token, InvalidRequest(detail, code="batch.unfit"))
        except CertMateError as error:
            _stop(batch, token, error)
        except (OperationalError, InterfaceError, BrokenProcessPool) as error:
            # The lease runs out, and the sweep takes it up again.
            logger.warning("%s: %s", batch, error)


def sweep_batches() -> int:
    """Wake the batches that wait or whose worker died; returns how many. What a crash left half
    taken in is removed: nobody was told of it.
    """
    now = clock.now()
    Batch.objects.filter(state=BatchState.LOADING, created_at__lt=now - LOADING_AT_MOST).delete()
    waiting = Batch.objects.claimable(now).order_by("pk").values_list("pk", flat=True)
    woken = list(waiting[:WAKE_AT_ONCE])
    for pk in woken:
        enqueue(RUN_BATCH, pk)
    return len(woken)


def _stop(batch: Batch, token: uuid.UUID, error: CertMateError) -> None:
    """Back into the queue for what may pass; else the batch has failed, and says why."""
    state = BatchState.QUEUED if error.retryable else BatchState.FAILED
    ended = None if error.retryable else clock.now()
    try:
        with transaction.atomic():
            claims.fenced(
                Batch,
                batch.pk,
                token,
                state=state,
                finished_at=ended,
                lease_token=None,
                lease_expires_at=None,
                error_code=error.code,
                error_detail=error.detail,
            )
            record(batch, "batch.failed", code=error.code)
    except LeaseLost:
        logger.warning("%s was taken over while it failed with %s.", batch, error.code)
