"""Storage backends and targets, as the API takes and shows them."""

from typing import Any

from rest_framework import serializers

from certmate.core.parameters import mask
from certmate.rest.catalogue import ParameterOutput
from certmate.rest.fields import Flag, Text, instant
from certmate.rest.serializers import Input, Output
from storage.backends.base import BackendSpec
from storage.catalogue import CATALOGUE
from storage.models import StorageTarget


class StorageBackendOutput(Output):
    slug = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    help = serializers.CharField()
    parameters = ParameterOutput(many=True)

    class Meta:
        ref_name = "StorageBackend"

    def represent(self, instance: BackendSpec) -> dict[str, Any]:
        return {
            "slug": instance.slug,
            "label": instance.label,
            "help": instance.help,
            "parameters": [ParameterOutput().represent(p) for p in instance.parameters],
        }


class StorageTargetInput(Input):
    name = Text(max_length=64)
    backend = Text(max_length=32, help_text="A slug of /api/storage-backends.")
    parameters = serializers.DictField(
        default=dict, help_text="The backend's parameters; some are secrets."
    )
    is_default = Flag(default=False)
    team = Text(max_length=64, allow_blank=True, default="", help_text="Who owns it.")

    class Meta:
        ref_name = "StorageTargetRequest"


class StorageTargetOutput(Output):
    name = serializers.CharField()
    backend = serializers.CharField()
    parameters = serializers.DictField(help_text="Secrets show as ********.")
    is_default = serializers.BooleanField()
    verified_at = serializers.DateTimeField(allow_null=True)
    verification_error = serializers.CharField(
        help_text="Of the last verification; empty if it went well."
    )
    created_at = serializers.DateTimeField()
    team = serializers.CharField(help_text="Empty: nobody's in particular.")

    class Meta:
        ref_name = "StorageTarget"

    def represent(self, instance: StorageTarget) -> dict[str, Any]:
        spec = CATALOGUE.get(instance.backend)
        return {
            "name": instance.name,
            "backend": instance.backend,
            # Of a backend that this installation no longer knows, nobody can say what is secret.
            "parameters": mask(spec.parameters, instance.parameters) if spec else {},
            "is_default": instance.is_default,
            "verified_at": instant(instance.verified_at),
            "verification_error": instance.verification_error,
            "created_at": instant(instance.created_at),
            "team": instance.team.name if instance.team else "",
        }
