"""Requests for approval: seen, decided about, taken back; and the rules that ask for them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django.db import models
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access.models import Approval, ApprovalRule, ApprovalState
from certmate.access.models.approvals import verb_choices
from certmate.access.services import approvals
from certmate.access.verbs import Verb
from certmate.rest import named
from certmate.rest.access.waiting import ApprovalOutput
from certmate.rest.authentication import actor_of
from certmate.rest.fields import Flag, Text, WholeNumber, instant
from certmate.rest.filters import YesNoFilter
from certmate.rest.serializers import Input, Nothing, Output
from certmate.rest.views import Endpoint, Operation

_DAY = 24 * 60 * 60


class ApprovalFilter(filters.FilterSet):  # type: ignore[misc]
    state = filters.ChoiceFilter(choices=ApprovalState.choices)
    operation = filters.CharFilter(label="Such as certificates.revoke.")
    mine = YesNoFilter(method="filter_mine", label="The caller has asked for it.")
    to_decide = YesNoFilter(method="filter_to_decide", label="It waits for the caller's vote.")

    def filter_mine(self, rows: Any, name: str, value: bool) -> Any:
        user = actor_of(self.request).user
        return rows.filter(requested_by=user) if value else rows.exclude(requested_by=user)

    def filter_to_decide(self, rows: Any, name: str, value: bool) -> Any:
        waiting = approvals.to_decide(actor_of(self.request), Approval.objects.all())
        keys = waiting.order_by().values("pk")
        return rows.filter(pk__in=keys) if value else rows.exclude(pk__in=keys)


class ApprovalEndpoint(Endpoint):
    tag = "approvals"

    def get_queryset(self) -> models.QuerySet[Approval]:
        related = ("requested_by", "requested_token", "target_type")
        votes = ("requirements", "votes__user__groups")
        return Approval.objects.select_related(*related).prefetch_related(*votes)

    def shown(self, approval: Approval) -> Response:
        fresh = self.get_queryset().get(pk=approval.pk)
        return Response(ApprovalOutput(context={"request": self.request}).represent(fresh))


class Approvals(ApprovalEndpoint):
    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("list_approvals", {200: ApprovalOutput(many=True)})
    }
    orderings = {"created_at": "id"}
    default_ordering = "-created_at"
    filterset_class = ApprovalFilter

    def get(self, request: Request) -> Response:
        """One page of requests: those the caller made, decides about, or may see all the same."""
        shown = ApprovalOutput(context={"request": request})
        return self.page(self.visible(self.get_queryset()), shown)


class ReasonInput(Input):
    reason = Text(max_length=500)

    class Meta:
        ref_name = "ReasonRequest"


class OptionalReasonInput(Input):
    reason = Text(max_length=500, allow_blank=True, default="")

    class Meta:
        ref_name = "OptionalReasonRequest"


class ApprovalById(ApprovalEndpoint):
    operations = {
        "GET": Operation("get_approval", {200: ApprovalOutput}),
        "PATCH": Operation("explain_approval", {200: ApprovalOutput}, ReasonInput),
    }

    def get(self, request: Request, pk: int) -> Response:
        """The request: exactly what is carried out, who decides, and how far it is."""
        return self.shown(self.find(self.get_queryset(), pk=pk))

    def patch(self, request: Request, pk: int) -> Response:
        """Say why it is asked for, while nobody has decided about it."""
        approval = self.find(self.get_queryset(), Verb.CHANGE, pk=pk)
        reason = self.input(request)["reason"]
        approvals.give_reason(actor=self.actor, approval=approval, reason=reason)
        return self.shown(approval)


class Approve(ApprovalEndpoint):
    operations = {"POST": Operation("approve_approval", {200: ApprovalOutput}, OptionalReasonInput)}

    def post(self, request: Request, pk: int) -> Response:
        """Approve of it. With the last approval that is needed it is carried out."""
        approval = self.find(self.get_queryset(), Verb.APPROVE, pk=pk)
        reason = self.input(request)["reason"]
        approvals.approve_request(actor=self.actor, approval=approval, reason=reason)
        return self.shown(approval)


class Reject(ApprovalEndpoint):
    operations = {"POST": Operation("reject_approval", {200: ApprovalOutput}, ReasonInput)}

    def post(self, request: Request, pk: int) -> Response:
        """Reject it, which ends it."""
        approval = self.find(self.get_queryset(), Verb.APPROVE, pk=pk)
        reason = self.input(request)["reason"]
        approvals.reject_request(actor=self.actor, approval=approval, reason=reason)
        return self.shown(approval)


class Cancel(ApprovalEndpoint):
    operations = {"POST": Operation("cancel_approval", {200: ApprovalOutput}, Nothing)}

    def post(self, request: Request, pk: int) -> Response:
        """Take it back, as long as it is not carried out."""
        approval = self.find(self.get_queryset(), Verb.CHANGE, pk=pk)
        self.input(request)
        approvals.cancel_request(actor=self.actor, approval=approval)
        return self.shown(approval)


class RuleInput(Input):
    name = Text(max_length=64)
    verb = serializers.ChoiceField(choices=verb_choices())
    kind = Text(
        max_length=100,
        allow_blank=True,
        default="",
        help_text="Such as certificates.certificate; empty: whatever can be asked for.",
    )
    target_kind = Text(
        max_length=100, allow_blank=True, default="", help_text="Such as access.team."
    )
    target = Text(
        max_length=255,
        allow_blank=True,
        default="",
        help_text="Name of one object, or of what the objects hang from; empty: all of them.",
    )
    role = Text(max_length=150, help_text="The group whose members decide.")
    required = WholeNumber(  # type: ignore[assignment]
        min_value=1, max_value=100, default=1
    )
    valid_for = WholeNumber(
        min_value=60, max_value=365 * _DAY, default=3 * _DAY, help_text="Seconds."
    )
    is_enabled = Flag(default=True)

    class Meta:
        ref_name = "ApprovalRuleRequest"


class RuleOutput(Output):
    name = serializers.CharField()
    verb = serializers.CharField()
    kind = serializers.CharField()
    target_kind = serializers.CharField()
    target = serializers.CharField()
    role = serializers.CharField()
    required = serializers.IntegerField()  # type: ignore[assignment]
    valid_for = serializers.IntegerField(help_text="Seconds.")
    is_enabled = serializers.BooleanField()
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "ApprovalRule"

    def represent(self, instance: ApprovalRule) -> dict[str, Any]:
        return {**approvals.describe(instance), "created_at": instant(instance.created_at)}


_RULES = ApprovalRule.objects.select_related("role", "kind", "target_type")


class Rules(named.NamedCollection):
    tag = "approval-rules"
    operations = named.collection("approval_rule", RuleOutput, RuleInput, may_wait=True)
    representation = RuleOutput
    queryset = _RULES

    def create(self, values: dict[str, Any]) -> ApprovalRule:
        return approvals.create_rule(actor=self.actor, **_timed(values))


class RuleByName(named.NamedObject):
    tag = "approval-rules"
    operations = named.single("approval_rule", RuleOutput, RuleInput, may_wait=True)
    representation = RuleOutput
    queryset = _RULES

    def update(self, row: ApprovalRule, values: dict[str, Any]) -> ApprovalRule:
        return approvals.update_rule(actor=self.actor, rule=row, **_timed(values))

    def remove(self, row: ApprovalRule) -> None:
        approvals.delete_rule(actor=self.actor, rule=row)


def _timed(values: dict[str, Any]) -> dict[str, Any]:
    if "valid_for" in values:
        values["valid_for"] = timedelta(seconds=values["valid_for"])
    return values
