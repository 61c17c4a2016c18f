"""How a request goes from one state to the next: by conditional UPDATE, so that one of two wins."""

from typing import Any

from django.db import transaction

from certmate.access.models import Approval, ApprovalState
from certmate.core import clock
from certmate.core.errors import CertMateError, Conflict
from certmate.core.events import tell


def move(approval: Approval, *before: ApprovalState, to: ApprovalState, **values: Any) -> None:
    """Write the new state. Raises Conflict (`approval.ended`) unless it is in one of `before`."""
    rows = Approval.objects.filter(pk=approval.pk, state__in=before)
    if rows.update(state=to, **values) != 1:
        raise ended(approval)
    approval.state = to
    for name, value in values.items():
        setattr(approval, name, value)


def ended(approval: Approval) -> Conflict:
    """The error for a request that waits no more."""
    state = Approval.objects.get(pk=approval.pk).get_state_display().lower()
    return Conflict(f"Request {approval.pk} is not open any more: {state}.", code="approval.ended")


def expire(approval: Approval) -> bool:
    """End a request whose time is over; False if somebody else has ended it."""
    return _end(approval, ApprovalState.EXPIRED, "approval.expired")


def fail(approval: Approval, error: CertMateError) -> bool:
    """Note why what was approved could not be done; nothing was, and the request is over."""
    told = {"error_code": error.code, "error_detail": error.detail}
    return _end(approval, ApprovalState.FAILED, "approval.failed", **told)


def reopen(approval: Approval) -> None:
    """Let an approved request wait again, because somebody who approved may not decide any more."""
    with transaction.atomic():
        move(approval, ApprovalState.APPROVED, to=ApprovalState.PENDING, decided_at=None)
        tell(approval, "approval.reopened", operation=approval.operation)


def _end(approval: Approval, state: ApprovalState, event: str, **values: Any) -> bool:
    try:
        with transaction.atomic():
            before = (ApprovalState.PENDING, ApprovalState.APPROVED)
            move(approval, *before, to=state, ended_at=clock.now(), **values)
            tell(approval, event, operation=approval.operation, **values)
    except Conflict:
        return False
    return True
