"""What the API tells of the audit log."""

import base64
from typing import Any

from rest_framework import serializers

from certmate.audit import export
from certmate.audit.choices import ActorKind
from certmate.audit.models import Checkpoint, Event
from certmate.rest.fields import instant
from certmate.rest.serializers import Output


class ActorOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=ActorKind.choices)
    id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    token_id = serializers.CharField()
    token = serializers.CharField(help_text="Its name and how it starts, at that time.")

    class Meta:
        ref_name = "AuditActor"


class ObjectOutput(serializers.Serializer[Any]):
    kind = serializers.CharField()
    pk = serializers.CharField()
    name = serializers.CharField(help_text="At that time.")

    class Meta:
        ref_name = "AuditObject"


class EventOutput(Output):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    event = serializers.CharField()
    actor = ActorOutput()
    object = ObjectOutput()
    request_id = serializers.CharField()
    order_id = serializers.IntegerField(allow_null=True)
    address = serializers.CharField()
    reason = serializers.CharField()
    changes = serializers.JSONField(
        allow_null=True, help_text="By field: before and after. Secrets are masked."
    )
    details = serializers.JSONField(allow_null=True)

    class Meta:
        ref_name = "AuditEntry"

    def represent(self, instance: Event) -> dict[str, Any]:
        entry = instance.entry
        return {
            "id": instance.pk,
            "at": instant(instance.at),
            "event": instance.name,
            "actor": {
                "kind": instance.actor_kind,
                "id": instance.actor_id,
                "name": instance.actor_name,
                "token_id": instance.token_id,
                "token": instance.token_label,
            },
            "object": {
                "kind": instance.object_kind,
                "pk": instance.object_pk,
                "name": entry.object_repr,
            },
            "request_id": instance.request_id,
            "order_id": instance.order_id,
            "address": instance.address,
            "reason": instance.reason,
            "changes": entry.changes,
            "details": entry.additional_data,
        }


class ProofOutput(serializers.Serializer[Any]):
    """RFC 9162 §2.1.3; hashes in base64."""

    position = serializers.IntegerField()
    leaf_hash = serializers.CharField()
    path = serializers.ListField(child=serializers.CharField())
    checkpoint = serializers.CharField(help_text="A signed note (C2SP tlog-checkpoint).")

    class Meta:
        ref_name = "AuditProof"


class EventDetailOutput(EventOutput):
    sealed = serializers.JSONField(help_text="The entry as it is hashed: JSON with sorted keys.")
    proof = ProofOutput(allow_null=True, help_text="null until it is sealed, within a minute.")

    class Meta:
        ref_name = "AuditEntryDetail"

    def represent(self, instance: Event) -> dict[str, Any]:
        proved = {"sealed": export.document_of(instance), "proof": export.proof_of(instance)}
        return super().represent(instance) | proved


class FaultOutput(serializers.Serializer[Any]):
    kind = serializers.CharField()
    detail = serializers.CharField()
    entry_id = serializers.IntegerField(allow_null=True)
    position = serializers.IntegerField(allow_null=True)

    class Meta:
        ref_name = "AuditFault"


class FullOutput(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    size = serializers.IntegerField()
    fault = FaultOutput(allow_null=True)

    class Meta:
        ref_name = "AuditFullVerification"


class VerificationOutput(serializers.Serializer[Any]):
    is_sound = serializers.BooleanField(help_text="Neither this look nor the last full one failed.")
    fault = FaultOutput(allow_null=True, help_text="The first thing that is wrong.")
    start = serializers.IntegerField(help_text="The first position that was looked at.")
    size = serializers.IntegerField(help_text="Entries that are sealed, pruned ones included.")
    unsealed = serializers.IntegerField()
    pruned = serializers.IntegerField()
    checkpoint = serializers.CharField(allow_null=True)
    last_full = FullOutput(allow_null=True, help_text="By schedule, or by `verify_audit`.")

    class Meta:
        ref_name = "AuditVerification"


class CheckpointOutput(Output):
    size = serializers.IntegerField()
    root = serializers.CharField(help_text="Base64.")  # type: ignore[assignment]
    at = serializers.DateTimeField()
    note = serializers.CharField(help_text="The signed note.")

    class Meta:
        ref_name = "AuditCheckpoint"

    def represent(self, instance: Checkpoint) -> dict[str, Any]:
        return {
            "size": instance.size,
            "root": base64.b64encode(bytes(instance.root)).decode(),
            "at": instant(instance.at),
            "note": instance.note,
        }


class ConsistencyOutput(serializers.Serializer[Any]):
    first = serializers.IntegerField()
    second = serializers.IntegerField()
    path = serializers.ListField(child=serializers.CharField(), help_text="Base64.")

    class Meta:
        ref_name = "AuditConsistency"
