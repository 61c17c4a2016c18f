"""Deciding about a request: approved, rejected, cancelled."""

from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef

from certmate.access import owners, policy
from certmate.access.actors import Actor
from certmate.access.models import (
    ApiToken,
    Approval,
    ApprovalState,
    Requirement,
    ServiceAccount,
    Vote,
)
from certmate.access.services.approvals import states
from certmate.access.services.approvals.matching import is_satisfied
from certmate.access.services.approvals.operations import carried_out_here
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.core.errors import AccessDenied, CertMateError, Conflict, InvalidRequest
from certmate.core.events import tell
from certmate.core.jobs import enqueue_on_commit

CARRY_OUT = "access.carry_out"


def approve_request(*, actor: Actor, approval: Approval, reason: str = "") -> Approval:
    """Approve of the request. The last approval that was needed has it carried out.

    Raises AccessDenied for whoever may not decide (`approval.own`, `approval.role`,
    `approval.person`), Conflict for a request that has ended and for a second vote.
    """
    user = _require_decider(actor, approval)
    with transaction.atomic():
        approval = _vote(user, approval, approves=True, reason=reason)
        tell(approval, "approval.approved", **_told(approval, reason))
        if is_satisfied(approval):
            now = clock.now()
            again = {"decided_at": now, "expires_at": now + approval.valid_for}
            states.move(approval, ApprovalState.PENDING, to=ApprovalState.APPROVED, **again)
            tell(approval, "approval.granted", **_told(approval))
            if approval.operation in carried_out_here():
                enqueue_on_commit(CARRY_OUT, approval.pk)
    return approval


def reject_request(*, actor: Actor, approval: Approval, reason: str) -> Approval:
    """End the request: one rejection is enough. Raises as `approve_request`, and InvalidRequest
    without a reason.
    """
    if not reason.strip():
        raise InvalidRequest("Say why.", code="approval.reason", field="reason")
    user = _require_decider(actor, approval)
    with transaction.atomic():
        approval = _vote(user, approval, approves=False, reason=reason)
        now = clock.now()
        ended = {"decided_at": now, "ended_at": now}
        states.move(approval, ApprovalState.PENDING, to=ApprovalState.REJECTED, **ended)
        tell(approval, "approval.rejected", **_told(approval, reason))
    return approval


def cancel_request(*, actor: Actor, approval: Approval) -> Approval:
    """Take the request back, also after it was approved, as long as it is not carried out."""
    policy.require(actor, Verb.CHANGE, approval)
    with transaction.atomic():
        before = (ApprovalState.PENDING, ApprovalState.APPROVED)
        states.move(approval, *before, to=ApprovalState.CANCELLED, ended_at=clock.now())
        tell(approval, "approval.cancelled", **_told(approval))
    return approval


def may_decide(actor: Actor, approval: Approval) -> bool:
    """Whether the actor's vote on this request would be taken now."""
    if not approval.is_open(clock.now()) or approval.state != ApprovalState.PENDING:
        return False
    try:
        user = _require_decider(actor, approval)
    except CertMateError:
        return False
    return not approval.votes.filter(user=user).exists()


def to_decide(actor: Actor, approvals: models.QuerySet[Approval]) -> models.QuerySet[Approval]:
    """Those that wait for a vote of the actor. Service accounts that he could act for are not
    looked at here: `approve_request` does.
    """
    if actor.user is None:
        return approvals.none()
    asked = Requirement.objects.filter(approval=OuterRef("pk"), role__user=actor.user)
    voted = Vote.objects.filter(approval=OuterRef("pk"), user=actor.user)
    waiting = policy.visible(actor, approvals, Verb.APPROVE).exclude(requested_by=actor.user)
    waiting = waiting.filter(Exists(asked), ~Exists(voted), state=ApprovalState.PENDING)
    return waiting.filter(expires_at__gt=clock.now())


def _require_decider(actor: Actor, approval: Approval) -> User:
    """The person who decides, in a session: a token can be made and used by somebody else."""
    policy.require(actor, Verb.APPROVE, approval)
    user = actor.user
    is_program = actor.token is not None or ServiceAccount.objects.filter(user=user).exists()
    if user is None or is_program:
        raise AccessDenied(
            "Only a person who is signed in decides about requests.", code="approval.person"
        )
    if user.pk == approval.requested_by_id or _acts_for(user, approval):
        raise AccessDenied(
            "Nobody decides about a request of their own, or of a service account that they can "
            "act for.",
            code="approval.own",
        )
    roles = user.groups.filter(pk__in=approval.requirements.values("role"))
    if not roles.exists():
        raise AccessDenied(
            "You are not a member of a role that decides about this.", code="approval.role"
        )
    return user


def _acts_for(user: User, approval: Approval) -> bool:
    """Whether the user could have made the request himself: with a token that he made, with one of
    a service account, or, if he makes tokens for anybody, with one of whoever asked.
    """
    if ApiToken.objects.filter(pk__in=[approval.requested_token_id], made_by=user).exists():
        return True
    requester = User.objects.filter(pk__in=[approval.requested_by_id]).first()
    if requester is None:
        return False
    is_program = ServiceAccount.objects.filter(user=requester).exists()
    return (approval.by_token or is_program) and owners.acts_for(Actor.of(user), requester)


def _vote(user: User, approval: Approval, *, approves: bool, reason: str) -> Approval:
    """Keep the vote; the request comes back as it is now, locked until the transaction ends."""
    now = clock.now()
    approval = Approval.objects.select_for_update().get(pk=approval.pk)
    if approval.state != ApprovalState.PENDING:
        raise states.ended(approval)
    if not approval.is_open(now):
        raise Conflict(f"Request {approval.pk} has expired.", code="approval.expired")
    name = user.get_username()
    vote = Vote(approval=approval, user=user, user_name=name, approves=approves, at=now)
    vote.reason = reason.strip()[:500]
    try:
        with transaction.atomic():
            vote.save()
    except IntegrityError as error:
        raise Conflict("You have decided about this already.", code="approval.voted") from error
    return approval


def _told(approval: Approval, reason: str = "") -> dict[str, object]:
    told = {"operation": approval.operation, "approval": approval.pk, "digest": approval.digest}
    return {**told, "reason": reason} if reason else told
