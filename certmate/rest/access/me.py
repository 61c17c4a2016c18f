"""/api/me: who the caller is, and what this token of his leaves of it."""

from typing import Any

from django.apps import apps
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.explain import verbs_of
from certmate.access.models import ApiToken, ServiceAccount, Team
from certmate.access.verbs import Scope
from certmate.rest.fields import instant
from certmate.rest.serializers import Output
from certmate.rest.views import Endpoint, Operation

KINDS = ("person", "service", "agent")


class CallerTokenOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    hint = serializers.CharField(help_text="How the token starts.")
    scopes = serializers.ListField(child=serializers.CharField())
    teams = serializers.ListField(child=serializers.CharField(), help_text="Empty: no limit.")
    name_patterns = serializers.ListField(child=serializers.CharField())
    networks = serializers.ListField(child=serializers.CharField())
    is_agent = serializers.BooleanField()
    expires_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "TokenOfCaller"


class MeOutput(Output):
    username = serializers.CharField()
    email = serializers.CharField()
    kind = serializers.CharField(help_text=f"One of {', '.join(KINDS)}.")
    is_superuser = serializers.BooleanField()
    roles = serializers.ListField(child=serializers.CharField(), help_text="Roles and groups.")
    teams = serializers.ListField(
        child=serializers.CharField(), help_text="Those that the caller may see."
    )
    scopes = serializers.ListField(child=serializers.CharField(), help_text="All for a session.")
    may = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="What this call's token or session may do to every object of a kind.",
    )
    token = CallerTokenOutput(allow_null=True, help_text="null when signed in by session.")

    class Meta:
        ref_name = "Me"

    def represent(self, instance: Actor) -> dict[str, Any]:
        user: Any = instance.user
        teams = policy.visible(instance, Team.objects.all())
        scopes = frozenset(Scope) if instance.scopes is None else instance.scopes
        return {
            "username": user.username,
            "email": user.email,
            "kind": _kind(instance),
            "is_superuser": user.is_superuser,
            "roles": sorted(user.groups.values_list("name", flat=True)),
            "teams": sorted(teams.values_list("name", flat=True)),
            "scopes": sorted(scopes),
            "may": _may(instance),
            "token": _token(instance.token) if instance.token else None,
        }


def _kind(actor: Actor) -> str:
    if actor.token is not None and actor.token.is_agent:
        return "agent"
    return "service" if ServiceAccount.objects.filter(user=actor.user).exists() else "person"


def _may(actor: Actor) -> dict[str, list[str]]:
    """Asked of the policy, so that it is what the next call will find."""
    found = {
        str(model._meta.model_name): [
            str(verb) for verb in verbs_of(model) if policy.allowed(actor, verb, model)
        ]
        for model in apps.get_models()
        if f"administer_{model._meta.model_name}" in dict(model._meta.permissions)
    }
    return {kind: verbs for kind, verbs in sorted(found.items()) if verbs}


def _token(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.pk,
        "name": token.name,
        "hint": token.hint,
        "scopes": token.scopes,
        "teams": sorted(token.teams.values_list("name", flat=True)),
        "name_patterns": token.name_patterns,
        "networks": token.networks,
        "is_agent": token.is_agent,
        "expires_at": instant(token.expires_at),
    }


class Me(Endpoint):
    tag = "about"
    operations = {"GET": Operation("get_me", {200: MeOutput})}

    def get(self, request: Request) -> Response:
        """Who the caller is and what it may do."""
        return Response(MeOutput().represent(self.actor))
