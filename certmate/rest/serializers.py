"""Bases of what the API takes and of what it answers."""

from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.serializers import ValidationError

_MOST_NAMED = 20


class Input(serializers.Serializer[Any]):
    """A JSON object of declared fields; any other field is an error that names it.

    A misspelt option that is ignored makes another certificate than was asked for.
    """

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._unknown(data) if isinstance(data, Mapping) else {}
        try:
            values = super().to_internal_value(data)
        except ValidationError as error:
            detail = (
                error.detail
                if isinstance(error.detail, dict)
                else {"non_field_errors": error.detail}
            )
            raise ValidationError({**unknown, **detail}) from error
        if unknown:
            raise ValidationError(unknown)
        return values

    def _unknown(self, data: Iterable[Any]) -> dict[str, list[ErrorDetail]]:
        strange = [str(name) for name in data if name not in self.fields]
        return {
            name[:100]: [ErrorDetail("There is no such field.", code="unknown_field")]
            for name in strange[:_MOST_NAMED]
        }


class Nothing(Input):
    """A request that has no fields: an empty body or an empty object."""


class Output(serializers.Serializer[Any]):
    """An answer. Its fields describe it in the API's schema; `represent` makes it.

    A dictionary written out is several times faster than serializer fields, and it is plain to see
    that it touches nothing but the row.
    """

    def represent(self, instance: Any) -> dict[str, Any]:
        raise NotImplementedError

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return self.represent(instance)


class ProblemOutput(serializers.Serializer[Any]):
    """A problem document (RFC 9457)."""

    type = serializers.CharField(help_text="urn:certmate:error: and the code.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What happened, for a person.")
    code = serializers.CharField(help_text="Stable and dotted; docs/errors.md lists them.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="What is wrong, by field of the request.",
    )
    retry_after = serializers.IntegerField(required=False, help_text="Seconds.")
    identifiers = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        help_text="What the CA said, by name of the certificate.",
    )
    remedy = serializers.CharField(required=False, help_text="What a person can do about it.")
    order = serializers.URLField(required=False, help_text="The order that failed.")
    approval = serializers.URLField(
        required=False, help_text="The request for approval that this call waits for."
    )

    class Meta:
        ref_name = "Problem"
