"""Grants on one object: who was given what on it, and giving it."""

from typing import Any

from django.contrib.auth.models import Group
from django.db import models
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import explain, services
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied
from certmate.rest.access.objects import OBJECT, ObjectEndpoint, kinds
from certmate.rest.fields import Flag, Text
from certmate.rest.serializers import Input, Output
from certmate.rest.views import Operation

VERBS = f"Of {', '.join(Verb)}."


class GrantOutput(serializers.Serializer[Any]):
    user = serializers.CharField(required=False)
    group = serializers.CharField(required=False)
    verbs = serializers.ListField(child=serializers.CharField(), help_text=VERBS)
    under = serializers.BooleanField(help_text="On what belongs to the object, not on itself.")

    class Meta:
        ref_name = "Grant"


class GrantsOutput(Output):
    kind = serializers.CharField()
    name = serializers.CharField()
    grants = GrantOutput(many=True)

    class Meta:
        ref_name = "Grants"

    def represent(self, instance: models.Model) -> dict[str, Any]:
        shown = [
            {**named(subject), "verbs": verbs, "under": is_under}
            for is_under in (False, True)
            for subject, verbs in explain.granted(instance, under=is_under)
        ]
        return {**addressed(instance), "grants": shown}


class GrantInput(Input):
    """Exactly these verbs; [] takes the grant away."""

    kind = Text(max_length=50, help_text="Such as certificate or team.")
    name = Text(max_length=255, help_text="Of the object.")
    user = Text(max_length=150, required=False, help_text="A user name; or name a group.")
    group = Text(max_length=150, required=False)
    verbs = serializers.ListField(child=Text(max_length=20), max_length=20, help_text=VERBS)
    under = Flag(default=False, help_text="On what belongs to the object, not on itself.")

    class Meta:
        ref_name = "GrantRequest"

    def validate_kind(self, kind: str) -> str:
        if kind not in kinds():
            raise serializers.ValidationError(f"One of {', '.join(sorted(kinds()))}.")
        return kind

    def validate_verbs(self, verbs: list[str]) -> list[Verb]:
        unknown = sorted(set(verbs) - set(Verb))
        if unknown:
            raise serializers.ValidationError(f"{unknown[0]} is no verb. {VERBS}")
        return [Verb(verb) for verb in verbs]


class Grants(ObjectEndpoint):
    operations = {
        "GET": Operation("list_grants", {200: GrantsOutput}, parameters=OBJECT, fails=(404,)),
        "PUT": Operation("set_grants", {200: GrantsOutput}, GrantInput, fails=(404,)),
    }

    def get(self, request: Request) -> Response:
        """The grants on one object, for whoever administers it and for auditors."""
        target = self.object_asked(request)
        require_legible(self, target)
        return Response(GrantsOutput().represent(target))

    def put(self, request: Request) -> Response:
        """Let a user or group do exactly these verbs to an object by grant. Nobody gives or takes
        what he does not hold himself.
        """
        values = self.input(request)
        target = self.object_named(values["kind"], values["name"], Verb.ADMINISTER)
        subject = services.find_subject(
            actor=self.actor,
            target=target,
            user=values.get("user", ""),
            group=values.get("group", ""),
        )
        services.set_grants(
            actor=self.actor,
            subject=subject,
            target=target,
            verbs=values["verbs"],
            under=values["under"],
        )
        return Response(GrantsOutput().represent(target))


def require_legible(view: ObjectEndpoint, target: models.Model) -> None:
    """AccessDenied for who may see the object but not who else may do what to it."""
    if not explain.is_legible(view.actor, target):
        raise AccessDenied("You may not see who has access to this.")


def named(subject: models.Model) -> dict[str, str]:
    """`{"user": …}` or `{"group": …}`."""
    return {"group" if isinstance(subject, Group) else "user": str(subject)}


def addressed(target: models.Model) -> dict[str, Any]:
    """The object as it was asked for."""
    return {"kind": str(target._meta.model_name), "name": str(target)}
