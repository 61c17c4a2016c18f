"""Versions of certificates as the API shows them, whatever they are for."""

from typing import Any

from rest_framework import serializers

from certmate.rest.fields import instant
from certmate.rest.serializers import Output


class VersionOutput(Output):
    """What all have; `context` says under `current` which one is."""

    number = serializers.IntegerField()
    current = serializers.BooleanField()
    serial_number = serializers.CharField()
    fingerprint = serializers.CharField()
    issuer = serializers.CharField()
    not_before = serializers.DateTimeField()
    not_after = serializers.DateTimeField()
    key_algorithm = serializers.CharField()
    key_size = serializers.IntegerField()
    has_private_key = serializers.BooleanField()
    storage = serializers.CharField()
    created_at = serializers.DateTimeField()
    stored_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    revocation_reason = serializers.CharField()

    def represent(self, instance: Any) -> dict[str, Any]:
        return {
            "number": instance.number,
            "current": instance.pk == self.context["current"],
            "serial_number": instance.serial,
            "fingerprint": instance.fingerprint,
            "issuer": instance.issuer,
            "not_before": instant(instance.not_before),
            "not_after": instant(instance.not_after),
            "key_algorithm": instance.key_algorithm,
            "key_size": instance.key_size,
            "has_private_key": instance.has_private_key,
            "storage": instance.storage_target.name,
            "created_at": instant(instance.created_at),
            "stored_at": instant(instance.stored_at),
            "revoked_at": instant(instance.revoked_at),
            "revocation_reason": instance.revocation_reason,
        }


def current_facts(version: Any | None) -> dict[str, Any]:
    """What a certificate tells of its current version, if it has one."""
    return {
        "current_version": version.number if version else None,
        "serial_number": version.serial if version else None,
        "fingerprint": version.fingerprint if version else None,
        "not_before": instant(version.not_before) if version else None,
        "not_after": instant(version.not_after) if version else None,
    }
