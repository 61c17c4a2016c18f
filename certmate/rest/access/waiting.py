"""The answer to a call that waits for approval, and requests for approval as the API shows them."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access.models import Approval, ApprovalState, Requirement, Vote
from certmate.access.services.approvals import OPERATIONS, ApprovalNeeded, given
from certmate.rest.fields import instant
from certmate.rest.serializers import Output


class RequirementOutput(Output):
    rule = serializers.CharField()
    role = serializers.CharField()
    required = serializers.IntegerField()  # type: ignore[assignment]
    given = serializers.IntegerField(help_text="Approvals that count now.")

    class Meta:
        ref_name = "ApprovalRequirement"

    def represent(self, instance: Requirement) -> dict[str, Any]:
        return {
            "rule": instance.rule,
            "role": instance.role_name,
            "required": instance.required,
            "given": given(instance),
        }


class VoteOutput(Output):
    user = serializers.CharField()
    approves = serializers.BooleanField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()

    class Meta:
        ref_name = "ApprovalVote"

    def represent(self, instance: Vote) -> dict[str, Any]:
        return {
            "user": instance.user_name,
            "approves": instance.approves,
            "reason": instance.reason,
            "at": instant(instance.at),
        }


class ApprovalOutput(Output):
    id = serializers.IntegerField()
    url = serializers.URLField()
    operation = serializers.CharField(help_text="Such as certificates.revoke.")
    what = serializers.CharField(help_text="The operation in words.")
    state = serializers.ChoiceField(choices=ApprovalState.choices)
    is_ticket = serializers.BooleanField(
        help_text="Once it is approved, the same call has to be made again."
    )
    target_kind = serializers.CharField()
    target = serializers.CharField()
    params = serializers.DictField(help_text="Exactly what is carried out.")
    digest = serializers.CharField(help_text="SHA-256 of operation, target and params.")
    requested_by = serializers.CharField(
        allow_null=True, help_text="null: at the command line, or by a user who was deleted."
    )
    requested_with = serializers.CharField(allow_null=True, help_text="The token, if it was one.")
    reason = serializers.CharField()
    requirements = RequirementOutput(many=True)
    votes = VoteOutput(many=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    result = serializers.CharField()
    error_code = serializers.CharField()
    error_detail = serializers.CharField()

    class Meta:
        ref_name = "Approval"

    def represent(self, instance: Approval) -> dict[str, Any]:
        operation = OPERATIONS.get(instance.operation)
        requirements, votes = instance.requirements.all(), instance.votes.all()
        return {
            "id": instance.pk,
            "url": approval_url(self.context["request"], instance),
            "operation": instance.operation,
            "what": operation.label if operation else instance.operation,
            "state": instance.state,
            "is_ticket": operation is None or operation.carry_out is None,
            "target_kind": f"{instance.target_type.app_label}.{instance.target_type.model}",
            "target": instance.target_repr,
            "params": instance.arguments,
            "digest": instance.digest,
            "requested_by": instance.requested_by and instance.requested_by.get_username(),
            "requested_with": instance.requested_token and str(instance.requested_token),
            "reason": instance.reason,
            "requirements": [RequirementOutput().represent(row) for row in requirements],
            "votes": [VoteOutput().represent(vote) for vote in votes],
            "created_at": instant(instance.created_at),
            "expires_at": instant(instance.expires_at),
            "decided_at": instant(instance.decided_at),
            "ended_at": instant(instance.ended_at),
            "result": instance.result,
            "error_code": instance.error_code,
            "error_detail": instance.error_detail,
        }


class WaitingOutput(serializers.Serializer[Any]):
    """What a call answers that is not done before others have approved of it."""

    approval = ApprovalOutput()

    class Meta:
        ref_name = "WaitsForApproval"


def approval_url(request: Request, approval: Approval) -> str:
    """The address of a request for approval."""
    return request.build_absolute_uri(f"/api/approvals/{approval.pk}")


def waiting(request: Request, needed: ApprovalNeeded) -> Response:
    """202 with the request: what was asked for is done once it is approved."""
    shown = ApprovalOutput(context={"request": request}).represent(needed.approval)
    location = approval_url(request, needed.approval)
    return Response({"approval": shown}, 202, headers={"Location": location})
