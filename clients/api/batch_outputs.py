"""Batches and their rows as the API shows them."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from certmate.rest.fields import instant
from certmate.rest.serializers import Output, ProblemOutput
from clients.api.outputs import ROOT
from clients.choices import BatchState, RowState
from clients.models import Batch, BatchRow


def batch_url(request: Request, batch: Batch, below: str = "") -> str:
    return request.build_absolute_uri(f"{ROOT}/batch/{batch.pk}{below}")


class BatchOutput(Output):
    id = serializers.IntegerField()
    url = serializers.URLField()
    state = serializers.ChoiceField(BatchState.choices)
    total = serializers.IntegerField(help_text="Rows.")
    issued = serializers.IntegerField()
    repeated = serializers.IntegerField(help_text="That an earlier batch of yours has issued.")
    failed = serializers.IntegerField()
    progress = serializers.FloatField(help_text="0 to 1.")
    authority = serializers.CharField()
    profile = serializers.CharField()
    storage = serializers.CharField()
    team = serializers.CharField(help_text="Empty: nobody's in particular.")
    auto_renew = serializers.BooleanField()
    tags = serializers.ListField(child=serializers.CharField())
    error_code = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True, help_text="Why it stopped.")
    rows = serializers.URLField(help_text="What came of each.")
    row_errors = serializers.URLField(help_text="The rows that failed.")
    download = serializers.URLField(help_text="The certificates, in a ZIP.")
    requested_by = serializers.CharField(allow_null=True)
    requested_with = serializers.CharField(allow_null=True, help_text="The token, if it was one.")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Batch"

    def represent(self, instance: Batch) -> dict[str, Any]:
        request, requester = self.context["request"], instance.requested_by
        return {
            "id": instance.pk,
            "url": batch_url(request, instance),
            "state": instance.state,
            "total": instance.total,
            "issued": instance.issued,
            "repeated": instance.repeated,
            "failed": instance.failed,
            "progress": round(instance.done / instance.total, 4) if instance.total else 0.0,
            "authority": instance.authority.name,
            "profile": instance.profile.name,
            "storage": instance.storage_target.name,
            "team": instance.team.name if instance.team else "",
            "auto_renew": instance.auto_renew,
            "tags": instance.tags,
            "error_code": instance.error_code or None,
            "message": instance.error_detail or None,
            "rows": batch_url(request, instance, "/rows"),
            "row_errors": batch_url(request, instance, f"/rows?state={RowState.FAILED}"),
            "download": batch_url(request, instance, "/download"),
            "requested_by": requester.get_username() if requester else None,
            "requested_with": str(instance.requested_token) if instance.requested_token else None,
            "created_at": instant(instance.created_at),
            "started_at": instant(instance.started_at),
            "finished_at": instant(instance.finished_at),
        }


class BatchRowOutput(Output):
    number = serializers.IntegerField(help_text="From 1, in the order of the file.")
    key = serializers.CharField(allow_null=True, help_text="Your own name for the row.")
    identifier = serializers.CharField()
    state = serializers.ChoiceField(RowState.choices)
    certificate = serializers.CharField(allow_null=True, help_text="The identifier of what came.")
    error_code = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)
    field = serializers.CharField(allow_null=True, help_text="Which part of the row was wrong.")

    class Meta:
        ref_name = "BatchRow"

    def represent(self, instance: BatchRow) -> dict[str, Any]:
        certificate = instance.certificate
        return {
            "number": instance.number,
            "key": instance.key,
            "identifier": instance.identifier,
            "state": instance.state,
            "certificate": certificate.identifier if certificate else None,
            "error_code": instance.error_code or None,
            "message": instance.error_detail or None,
            "field": instance.error_field or None,
        }


class BatchProblemOutput(ProblemOutput):
    """Rows that cannot be issued, the first hundred by `rows[17].subject.O` in `errors`."""

    error_rows = serializers.IntegerField(required=False, help_text="How many rows are wrong.")

    class Meta:
        ref_name = "BatchProblem"
