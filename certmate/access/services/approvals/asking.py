"""Asking for approval: found, made, or used up in the transaction of what it was for."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, models, transaction

from certmate.access import grants, policy
from certmate.access.actors import Actor
from certmate.access.models import Approval, ApprovalRule, ApprovalState, Requirement
from certmate.access.models.approvals import OPEN
from certmate.access.services.approvals import operations, states
from certmate.access.services.approvals.matching import is_satisfied, matching
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.core.errors import CertMateError, Conflict, IntegrityFault
from certmate.core.events import tell

_carried: ContextVar[Approval | None] = ContextVar("certmate_approval", default=None)


class ApprovalNeeded(CertMateError):
    """The call is not done: `approval` waits for others, and is_ticket says whether the caller has
    to repeat the call then.
    """

    default_code = "approval.needed"

    def __init__(self, approval: Approval) -> None:
        self.approval = approval
        self.is_ticket = approval.operation not in operations.carried_out_here()
        then = "Repeat the call then." if self.is_ticket else "Then it is carried out by itself."
        asked = " and ".join(str(needed) for needed in approval.requirements.all())
        super().__init__(f"Request {approval.pk} waits for approval by {asked}. {then}")


@dataclass(frozen=True)
class Permit:
    """Leave to go on. `approval` is None where no rule asks for one."""

    approval: Approval | None = None

    def use(self, result: object = "") -> None:
        """Use the approval up, in the transaction of the change; two who try have one winner.

        Raises Conflict: `approval.ended` if it is used up, cancelled or expired by now,
        `approval.withdrawn` if somebody who approved has lost his role.
        """
        if self.approval is None:
            return
        if not transaction.get_connection().in_atomic_block:
            raise IntegrityFault("An approval is used up outside of the change's transaction.")
        now = clock.now()
        rows = Approval.objects.filter(pk=self.approval.pk, state=ApprovalState.APPROVED)
        ended = {"ended_at": now, "result": str(result)[:255]}
        # First the write, whose lock lets nobody change the request meanwhile.
        used = rows.filter(expires_at__gt=now).update(state=ApprovalState.CARRIED_OUT, **ended)
        if used != 1:
            raise states.ended(self.approval)
        if not is_satisfied(self.approval):
            raise withdrawn(self.approval)
        told = {"operation": self.approval.operation, "approval": self.approval.pk}
        tell(self.approval, "approval.carried_out", result=ended["result"], **told)


def require(
    *,
    actor: Actor,
    verb: Verb,
    target: models.Model,
    operation: str,
    params: dict[str, Any],
    also: Mapping[Verb, models.Model] = MappingProxyType({}),
) -> Permit:
    """Leave to do this, to be used in the transaction that does it.

    `also` are verbs that the call amounts to besides, each with what it is about: the rules about
    these have to be satisfied as well.

    `params` say all that would be done, without secrets; what is meant by "the current one" has to
    be in them by number. Raises ApprovalNeeded, having kept the request; so no transaction may be
    open.
    """
    asked = {verb: target, **also}
    call = _Call(actor, verb, target, operation, operations.canonical(params), (*asked.values(),))
    carried = _carried.get()
    if carried is not None:
        return _carry(carried, call)
    found = call.open().first()
    if found is not None and not found.is_open(clock.now()):
        states.expire(found)
        found = None
    if found is not None and found.state == ApprovalState.APPROVED:
        if is_satisfied(found):
            return Permit(found)
        states.reopen(found)
    rules = list({rule.pk: rule for v, obj in asked.items() for rule in matching(v, obj)}.values())
    if not rules:
        return Permit()
    raise ApprovalNeeded(found or call.ask(rules))


def is_needed(verb: Verb, target: models.Model) -> bool:
    """Whether a rule asks for approval of this."""
    return matching(verb, target).exists()


def give_reason(*, actor: Actor, approval: Approval, reason: str) -> Approval:
    """Say why it is asked for, while nobody has decided. Raises Conflict later."""
    policy.require(actor, Verb.CHANGE, approval)
    with transaction.atomic():
        pending = ApprovalState.PENDING
        states.move(approval, pending, to=pending, reason=reason[:500])
        if approval.votes.exists():
            raise Conflict(
                f"Somebody has decided about request {approval.pk} for the reason that was given.",
                code="approval.ended",
            )
        tell(approval, "approval.explained", reason=approval.reason)
    return approval


def withdrawn(approval: Approval) -> Conflict:
    """The error for approvals that do not count any more."""
    return Conflict(
        f"Somebody who approved of request {approval.pk} may not decide about it any more.",
        code="approval.withdrawn",
    )


@contextmanager
def carrying(approval: Approval) -> Iterator[None]:
    """Inside the block, `require` takes this approval and no other call than the approved one."""
    reset = _carried.set(approval)
    try:
        yield
    finally:
        _carried.reset(reset)


@dataclass(frozen=True)
class _Call:
    actor: Actor
    verb: Verb
    target: models.Model
    operation: str
    params: str
    about: tuple[models.Model, ...]

    @property
    def digest(self) -> str:
        """The params have names, which can pass to other objects while the request waits; and
        another container can have other rules.
        """
        return operations.digest(self.operation, " ".join(map(_keys, self.about)), self.params)

    @property
    def requester(self) -> str:
        """A token of somebody is not he: others may have it, and it may do less."""
        token = f"/token:{self.actor.token.pk}" if self.actor.token else ""
        return f"user:{self.actor.user.pk}{token}" if self.actor.user else "command"

    def open(self) -> models.QuerySet[Approval]:
        return Approval.objects.filter(digest=self.digest, requester=self.requester, state__in=OPEN)

    def ask(self, rules: Iterable[ApprovalRule]) -> Approval:
        """Keep the request. It has to outlast the error by which the caller is told of it."""
        try:
            with transaction.atomic(durable=True):
                approval = self._made(rules)
                tell(
                    approval,
                    "approval.requested",
                    operation=self.operation,
                    approval=approval.pk,
                    params=approval.arguments,
                    rules=[rule.name for rule in rules],
                )
        except IntegrityError:
            # The same call was made at the same moment.
            return self.open().get()
        return approval

    def _made(self, rules: Iterable[ApprovalRule]) -> Approval:
        now = clock.now()
        valid_for = min(rule.valid_for for rule in rules)
        approval = Approval.objects.create(
            operation=self.operation,
            verb=self.verb,
            params=self.params,
            digest=self.digest,
            target_type=ContentType.objects.get_for_model(self.target),
            target_pk=str(self.target.pk or ""),
            target_repr=str(self.target)[:255],
            requester=self.requester,
            requested_by=self.actor.user,
            requested_token=self.actor.token,
            by_token=self.actor.token is not None,
            valid_for=valid_for,
            created_at=now,
            expires_at=now + valid_for,
        )
        for rule in rules:
            Requirement.objects.create(
                approval=approval,
                rule=rule.name,
                role=rule.role,
                role_name=rule.role.name,
                required=rule.required,
            )
        return approval


def _keys(target: models.Model) -> str:
    """The object and what it hangs from."""
    held = {field: getattr(target, f"{field}_id") for field in grants.containers(type(target))}
    hung = "".join(f",{field}={pk}" for field, pk in sorted(held.items()))
    return f"{target._meta.label_lower}:{target.pk or ''}{hung}"


def _carry(approval: Approval, call: _Call) -> Permit:
    if (approval.operation, approval.digest) != (call.operation, call.digest):
        raise Conflict(
            "What was approved would mean something else by now: the object has changed since. "
            "Ask again.",
            code="approval.changed",
        )
    return Permit(approval)
