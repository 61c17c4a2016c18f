"""Identities: who or what holds client certificates."""

from typing import Any
from urllib.parse import urlencode

from django.db import models
from rest_framework import serializers

from certmate.access.verbs import Verb
from certmate.rest import named
from certmate.rest.fields import Text, instant
from certmate.rest.serializers import Input, Output
from certmate.rest.views import Operation
from clients import services
from clients.api.filters import IdentityFilter
from clients.api.inputs import notes_field, tags_field
from clients.api.outputs import ROOT
from clients.choices import IdentityKind
from clients.models import Identity


class IdentityInput(Input):
    name = Text(max_length=200)
    kind = serializers.ChoiceField(IdentityKind.choices)
    description = Text(max_length=200, allow_blank=True, default="")
    email = Text(max_length=254, allow_blank=True, default="")
    subject = serializers.DictField(
        default=dict, help_text="O, OU and so on, where a request does not say otherwise."
    )
    team = Text(max_length=64, allow_blank=True, default="", help_text="Who owns it.")
    tags = tags_field(default=list)
    notes = notes_field(default="")

    class Meta:
        ref_name = "IdentityRequest"


class IdentityOutput(Output):
    name = serializers.CharField()
    kind = serializers.ChoiceField(IdentityKind.choices)
    description = serializers.CharField()
    email = serializers.CharField()
    subject = serializers.DictField(child=serializers.CharField())
    team = serializers.CharField(help_text="Empty: nobody's in particular.")
    tags = serializers.ListField(child=serializers.CharField())
    notes = serializers.CharField()
    certificates = serializers.URLField(help_text="The list of those that it holds.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Identity"

    def represent(self, instance: Identity) -> dict[str, Any]:
        held = f"{ROOT}?{urlencode({'identity': instance.name})}"
        return {
            "name": instance.name,
            "kind": instance.kind,
            "description": instance.description,
            "email": instance.email,
            "subject": instance.subject,
            "team": instance.team.name if instance.team else "",
            "tags": instance.tags,
            "notes": instance.notes,
            "certificates": self.context["request"].build_absolute_uri(held),
            "created_at": instant(instance.created_at),
            "updated_at": instant(instance.updated_at),
        }


class Identities(named.NamedCollection):
    tag = "identities"
    operations = {
        **named.collection("identity", IdentityOutput, IdentityInput),
        "GET": Operation("list_identities", {200: IdentityOutput(many=True)}),
    }
    representation = IdentityOutput
    queryset = Identity.objects.select_related("team")
    filterset_class = IdentityFilter

    def create(self, values: dict[str, Any]) -> Identity:
        return services.create_identity(actor=self.actor, **values)


class IdentityByName(named.NamedObject):
    tag = "identities"
    operations = named.single("identity", IdentityOutput, IdentityInput)
    representation = IdentityOutput
    queryset = Identity.objects.select_related("team")

    def find(self, rows: models.QuerySet[Any], verb: Verb = Verb.VIEW, **lookup: Any) -> Any:
        """By the name in whichever letters."""
        return super().find(rows, verb, name=lookup["name"].lower())

    def update(self, row: Identity, values: dict[str, Any]) -> Identity:
        return services.update_identity(actor=self.actor, identity=row, **values)

    def remove(self, row: Identity) -> None:
        services.delete_identity(actor=self.actor, identity=row)
