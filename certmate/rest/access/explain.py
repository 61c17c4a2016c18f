"""Who can do what to an object and why, and what a user can reach."""

from typing import Any

from django.contrib.auth.models import User
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import explain, policy, services
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied
from certmate.rest.access.grants import VERBS, addressed, named, require_legible
from certmate.rest.access.objects import OBJECT, ObjectEndpoint
from certmate.rest.serializers import Output
from certmate.rest.views import Endpoint, Operation, query


class WayOutput(serializers.Serializer[Any]):
    user = serializers.CharField(required=False)
    group = serializers.CharField(required=False)
    verbs = serializers.ListField(child=serializers.CharField(), help_text=VERBS)
    why = serializers.CharField()

    class Meta:
        ref_name = "AccessWay"


class AnswerOutput(serializers.Serializer[Any]):
    verb = serializers.CharField(help_text=VERBS)
    allowed = serializers.BooleanField()
    why = serializers.ListField(child=serializers.CharField())

    class Meta:
        ref_name = "AccessAnswer"


class AccessOutput(Output):
    kind = serializers.CharField()
    name = serializers.CharField()
    ways = WayOutput(many=True, required=False, help_text="Without `user`: every way to a right.")
    user = serializers.CharField(required=False)
    verbs = AnswerOutput(many=True, required=False, help_text="With `user`: each verb.")

    class Meta:
        ref_name = "Access"

    def represent(self, instance: Any) -> dict[str, Any]:
        user: User | None = self.context["user"]
        if user is None:
            ways = [
                {**named(way.subject), "verbs": list(way.verbs), "why": way.why}
                for way in explain.who(instance)
            ]
            return {**addressed(instance), "ways": ways}
        answers = [_answer(user, verb, instance) for verb in explain.verbs_of(type(instance))]
        return {**addressed(instance), "user": user.get_username(), "verbs": answers}


class ReachedOutput(serializers.Serializer[Any]):
    kind = serializers.CharField()
    name = serializers.CharField(help_text="Empty: all of the kind.")
    verbs = serializers.ListField(child=serializers.CharField(), help_text=VERBS)
    why = serializers.CharField()

    class Meta:
        ref_name = "Reached"


class ReachOutput(Output):
    user = serializers.CharField()
    is_active = serializers.BooleanField()
    reach = ReachedOutput(many=True)

    class Meta:
        ref_name = "Reach"

    def represent(self, instance: User) -> dict[str, Any]:
        found = explain.reach(instance, told_to=self.context["actor"])
        reached = [
            {"kind": r.kind, "name": r.target, "verbs": list(r.verbs), "why": r.why} for r in found
        ]
        return {
            "user": instance.get_username(),
            "is_active": instance.is_active,
            "reach": reached,
        }


class Access(ObjectEndpoint):
    operations = {
        "GET": Operation(
            "explain_access",
            {200: AccessOutput},
            parameters=(*OBJECT, query("user", "Only what this user may do, verb by verb.")),
            fails=(404,),
        )
    }

    def get(self, request: Request) -> Response:
        """Who can do what to one object and why; about himself, everybody who sees it may ask."""
        target = self.object_asked(request)
        name = request.query_params.get("user", "")
        user = None
        if not name or name != request.user.get_username():
            require_legible(self, target)
        if name:
            user = services.find_user(actor=self.actor, name=name, target=target)
        return Response(AccessOutput(context={"user": user}).represent(target))


class UserReach(Endpoint):
    tag = "access"
    operations = {"GET": Operation("get_reach", {200: ReachOutput})}

    def get(self, request: Request, username: str) -> Response:
        """What a user can do to what; oneself, or any user for who may see the users."""
        user = services.find_user(actor=self.actor, name=username)
        if user != self.actor.user and not policy.allowed(self.actor, Verb.VIEW, user):
            raise AccessDenied("You may not see what this user can reach.")
        return Response(ReachOutput(context={"actor": self.actor}).represent(user))


def _answer(user: User, verb: Verb, target: Any) -> dict[str, Any]:
    reasons = [_said(way) for way in explain.why(user, verb, target)]
    return {"verb": verb, "allowed": bool(reasons), "why": reasons}


def _said(way: explain.Way) -> str:
    through = named(way.subject).get("group")
    return f"{way.why}, through the group {through}" if through else way.why
