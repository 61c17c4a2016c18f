"""Carrying out what was approved, as whoever asked for it and as he may do it now.

The row is the queue: a message that is lost is made up for by the sweep, one that comes twice finds
the approval used up.
"""

import logging

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, models

from certmate.access.actors import Actor
from certmate.access.models import Approval, ApprovalState
from certmate.access.models.approvals import OPEN
from certmate.access.requesters import present
from certmate.access.services.approvals import states
from certmate.access.services.approvals.asking import carrying
from certmate.access.services.approvals.deciding import CARRY_OUT
from certmate.access.services.approvals.matching import is_satisfied
from certmate.access.services.approvals.operations import OPERATIONS, CarryOut, carried_out_here
from certmate.core import clock
from certmate.core.errors import CertMateError, IntegrityFault, NotFound
from certmate.core.events import acting
from certmate.core.jobs import enqueue

logger = logging.getLogger(__name__)

AT_ONCE = 200


def carry_out(approval_id: int) -> None:
    """Do what was approved, unless that is done or over. Raises nothing that the row can tell."""
    approval = Approval.objects.filter(pk=approval_id, state=ApprovalState.APPROVED).first()
    operation = OPERATIONS.get(approval.operation) if approval else None
    if approval is None or operation is None or operation.carry_out is None:
        return
    actor = requester(approval)
    with acting(actor.user, actor.token, f"approval-{approval.pk}"):
        try:
            _try(approval, actor, operation.carry_out)
        except (OperationalError, InterfaceError) as error:
            logger.warning("Approval %s: the database failed: %s", approval.pk, error)
        except CertMateError as error:
            _refused(approval, error)
        except ValidationError as error:
            told = " ".join(error.messages)
            states.fail(approval, CertMateError(told, code="request.invalid"))
        except Exception:
            logger.exception("Approval %s failed by a fault of CertMate.", approval.pk)
            told = "CertMate failed; its log has the details."
            states.fail(approval, CertMateError(told, code="internal"))


def sweep() -> int:
    """End what has expired, and wake what was approved and forgotten; returns how many."""
    now = clock.now()
    late = Approval.objects.filter(state__in=OPEN, expires_at__lte=now)
    for approval in late.order_by("expires_at")[:AT_ONCE]:
        states.expire(approval)
    waiting = Approval.objects.filter(
        state=ApprovalState.APPROVED, expires_at__gt=now, operation__in=carried_out_here()
    )
    woken = list(waiting.order_by("expires_at").values_list("pk", flat=True)[:AT_ONCE])
    for approval_id in woken:
        enqueue(CARRY_OUT, approval_id)
    return len(woken)


def requester(approval: Approval) -> Actor:
    """Whoever asked, with what he and his token may do now."""
    if approval.requester == "command":
        return Actor.system()
    return present(
        approval.requested_by_id, approval.requested_token_id, by_token=approval.by_token
    )


def _try(approval: Approval, actor: Actor, call: CarryOut) -> None:
    if not approval.is_open(clock.now()):
        states.expire(approval)
        return
    if not is_satisfied(approval):
        states.reopen(approval)
        return
    with carrying(approval):
        call(actor, _target(approval), approval.arguments)
    if Approval.objects.filter(pk=approval.pk, state=ApprovalState.APPROVED).exists():
        raise IntegrityFault(f"{approval.operation} did not use up its approval.")


def _refused(approval: Approval, error: CertMateError) -> None:
    if error.code == "approval.withdrawn":
        states.reopen(approval)
    elif error.retryable:
        logger.warning("Approval %s: %s; it is tried again.", approval.pk, error.code)
    elif states.fail(approval, error):
        logger.warning("Approval %s: %s: %s", approval.pk, error.code, error.detail)


def _target(approval: Approval) -> models.Model | None:
    if not approval.target_pk:
        return None
    model = approval.target_type.model_class()
    found = model._default_manager.filter(pk=approval.target_pk).first() if model else None
    if found is None:
        raise NotFound(f"{approval.target_repr} is gone.", code="approval.target")
    return found
