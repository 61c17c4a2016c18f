"""Requests for approval: what exactly would be done, who has decided, and the buttons to decide."""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString

from certmate.access.actors import Actor
from certmate.access.models import Approval, ApprovalState
from certmate.access.services import approvals
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.ui import instants, panels
from certmate.ui.badges import Badge, Tone, row
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.facts import Fact, FactGroup, Table, code, lines
from certmate.ui.filters import ChoiceFilter
from certmate.ui.objects import ServiceAdmin
from certmate.ui.tools import Tool

_TONES: dict[str, Tone] = {
    ApprovalState.PENDING: "warn",
    ApprovalState.APPROVED: "info",
    ApprovalState.CARRIED_OUT: "good",
    ApprovalState.REJECTED: "bad",
    ApprovalState.FAILED: "bad",
}


class Approve(Tool[Approval]):
    name, label, verb, is_primary = "approve", "Approve", Verb.APPROVE, True
    explanation = (
        "With the last approval that is needed, exactly what the request says is carried out "
        "on behalf of whoever asked for it."
    )
    reason = forms.CharField(required=False, max_length=500)

    def carry_out(self) -> Approval:
        reason = self.cleaned_data["reason"]
        return approvals.approve_request(actor=self.actor, approval=self.obj, reason=reason)

    def told(self) -> str:
        is_approved = self.result.state == ApprovalState.APPROVED
        return "Approved." if is_approved else "Your approval is kept; more are needed."


class Reject(Tool[Approval]):
    name, label, verb, is_dangerous = "reject", "Reject", Verb.APPROVE, True
    explanation = "One rejection ends the request. Whoever asked reads why."
    reason = forms.CharField(max_length=500)

    def carry_out(self) -> Approval:
        reason = self.cleaned_data["reason"]
        return approvals.reject_request(actor=self.actor, approval=self.obj, reason=reason)

    def told(self) -> str:
        return "Rejected."


class Explain(Tool[Approval]):
    name, label, verb = "explain", "Give a reason", Verb.CHANGE
    explanation = "Those who decide read why you ask for this."
    reason = forms.CharField(max_length=500)

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Approval) and obj.state == ApprovalState.PENDING

    def carry_out(self) -> Approval:
        reason = self.cleaned_data["reason"]
        return approvals.give_reason(actor=self.actor, approval=self.obj, reason=reason)


class Cancel(Tool[Approval]):
    name, label, verb, is_dangerous = "cancel", "Cancel", Verb.CHANGE, True
    explanation = "The request is taken back. It can be made again."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Approval) and obj.is_open(clock.now())

    def carry_out(self) -> Approval:
        return approvals.cancel_request(actor=self.actor, approval=self.obj)

    def told(self) -> str:
        return "The request is cancelled."


class MineFilter(ChoiceFilter):
    title, parameter_name = "my part", "part"
    options = {"decide": "Wait for my decision", "asked": "Asked for by me"}

    def narrow(self, queryset: Any, value: str) -> Any:
        actor = Actor.of(self.request.user)
        if value == "decide":
            return approvals.to_decide(actor, queryset)
        return queryset.filter(requested_by=actor.user)


@admin.register(Approval)
class ApprovalPage(ServiceAdmin[Approval]):
    nav_group, nav_order, nav_label = "Access", 0, "Approvals"
    tools = (Approve, Reject, Explain, Cancel)
    deferred = ("params", "error_detail")

    list_display = ("what", "target_repr", "who", "status", "progress", "requested", "expires")
    list_filter = (MineFilter, "state")
    list_select_related = ("requested_by",)
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Approval]:
        related = ("requested_by", "requested_token", "target_type")
        rows = super().get_queryset(request).select_related(*related)
        return rows.prefetch_related("requirements", "votes__user__groups")

    def empty_state(self, request: HttpRequest) -> EmptyState:
        text = "What an approval rule holds back waits here until others have approved of it."
        return EmptyState("Nothing waits for approval", text)

    def buttons(self, request: HttpRequest, obj: Approval) -> list[dict[str, Any]]:
        may_decide = approvals.may_decide(self.actor(request), obj)
        return [
            button
            for button in super().buttons(request, obj)
            if may_decide or button["tool"] not in (Approve, Reject)
        ]

    @admin.display(description="What")
    def what(self, approval: Approval) -> str:
        operation = approvals.OPERATIONS.get(approval.operation)
        return operation.label if operation else approval.operation

    @admin.display(description="Asked by")
    def who(self, approval: Approval) -> str:
        if approval.requested_by is not None:
            return approval.requested_by.get_username()
        return "The command line" if approval.requester == "command" else "A deleted user"

    @admin.display(description="State", ordering="state")
    def status(self, approval: Approval) -> SafeString:
        return row(*self.badges(approval))

    @admin.display(description="Approvals")
    def progress(self, approval: Approval) -> str:
        asked = approval.requirements.all()
        return ", ".join(
            f"{approvals.given(row)} of {row.required} {row.role_name}" for row in asked
        )

    @admin.display(description="Asked", ordering="id")
    def requested(self, approval: Approval) -> SafeString:
        return instants.relative(approval.created_at, clock.now())

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, approval: Approval) -> SafeString:
        is_open = approval.is_open(clock.now())
        return instants.relative(approval.expires_at if is_open else None, clock.now())

    def badges(self, obj: Approval) -> Iterable[Badge]:
        is_late = obj.expires_at <= clock.now() and obj.ended_at is None
        label = "Expired" if is_late else obj.get_state_display()
        yield Badge(label, "mute" if is_late else _TONES.get(obj.state, "mute"))

    def notices(self, request: HttpRequest, obj: Approval | None) -> Iterable[tuple[str, str]]:
        if obj is None:
            return
        if obj.state == ApprovalState.FAILED:
            yield "bad", f"{obj.error_detail} ({obj.error_code})"
        operation = approvals.OPERATIONS.get(obj.operation)
        is_ticket = operation is None or operation.carry_out is None
        if is_ticket and obj.state == ApprovalState.APPROVED and obj.is_open(clock.now()):
            yield "info", "Approved: whoever asked can do it once now, in the same way as before."

    def facts(self, request: HttpRequest, obj: Approval) -> list[FactGroup]:
        token = f"{obj.requested_token}" if obj.requested_token else ""
        asked = (
            Fact("Asked by", self.who(obj), hint=token and f"with the token {token}"),
            Fact("Why", obj.reason),
            Fact("Asked", instants.absolute(obj.created_at)),
            Fact("Expires", instants.absolute(obj.expires_at)),
            Fact("Needs", lines([f"{row} (rule {row.rule})" for row in obj.requirements.all()])),
            Fact("Decided", instants.absolute(obj.decided_at)),
            Fact("Ended", instants.absolute(obj.ended_at)),
            Fact("Result", obj.result),
        )
        return [
            FactGroup("What is carried out", self._deed(request, obj)),
            FactGroup("Request", asked),
        ]

    def tables(self, request: HttpRequest, obj: Approval) -> list[Table]:
        rows = [
            (
                vote.user_name,
                Badge("Approves", "good") if vote.approves else Badge("Rejects", "bad"),
                vote.reason,
                instants.absolute(vote.at),
            )
            for vote in obj.votes.all()
        ]
        return [Table("Decisions", ("Who", "Decision", "Why", "When"), rows, "Nobody has decided.")]

    def _deed(self, request: HttpRequest, obj: Approval) -> list[Fact]:
        model = obj.target_type.model_class()
        target = None
        if model is not None and obj.target_pk:
            target = model._default_manager.filter(pk=obj.target_pk).first()
        shown = self.linked(request, target) if target is not None else obj.target_repr
        return [
            Fact("What", self.what(obj)),
            Fact(obj.target_type.name.capitalize(), shown),
            *(Fact(label, value) for label, value in _in_words(obj.arguments)),
            Fact("Digest", code(obj.digest)),
        ]


def _in_words(params: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in params.items():
        label = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            yield from _in_words(value, f"{label}: ")
        elif isinstance(value, bool):
            yield label.capitalize(), "yes" if value else "no"
        elif isinstance(value, list):
            yield label.capitalize(), lines([str(item) for item in value])
        else:
            yield label.capitalize(), value


def _answers(request: HttpRequest) -> Iterator[panels.Answer]:
    waiting = approvals.to_decide(Actor.of(request.user), Approval.objects.all())
    count = waiting.order_by().values("pk")[: panels.MOST + 1].count()
    if count:
        url = admin_url(Approval, "changelist", part="decide")
        yield panels.Answer("wait for your approval", count, url, "warn")


panels.register(answers=_answers)
