"""Roles and groups, and who is a member of which."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy, services
from certmate.access.roles import ROLES, is_role
from certmate.access.verbs import Verb
from certmate.core.errors import InvalidRequest
from certmate.rest.fields import Text
from certmate.rest.serializers import Input, Output
from certmate.rest.views import Endpoint, Operation

MOST_MEMBERS = 1000


class RoleOutput(Output):
    name = serializers.CharField()
    description = serializers.CharField()
    is_fixed = serializers.BooleanField(help_text="It comes with CertMate and is not edited.")
    permissions = serializers.ListField(
        child=serializers.CharField(), help_text="On all objects of a kind."
    )

    class Meta:
        ref_name = "Role"

    def represent(self, instance: Group) -> dict[str, Any]:
        rights = (
            f"{right.content_type.app_label}.{right.codename}"
            for right in instance.permissions.all()
        )
        return {
            "name": instance.name,
            "description": ROLES[instance.name][0] if is_role(instance) else "",
            "is_fixed": is_role(instance),
            "permissions": sorted(rights),
        }


class RoleDetailOutput(RoleOutput):
    members = serializers.ListField(
        child=serializers.CharField(), help_text="Those that the caller may see."
    )

    class Meta:
        ref_name = "RoleDetail"

    def represent(self, instance: Group) -> dict[str, Any]:
        members = policy.visible(self.context["actor"], User.objects.filter(groups=instance))
        names = members.order_by("username").values_list("username", flat=True)
        return super().represent(instance) | {"members": list(names[:MOST_MEMBERS])}


class UserRolesInput(Input):
    roles = serializers.ListField(
        child=Text(max_length=150), max_length=200, help_text="Exactly these."
    )

    class Meta:
        ref_name = "UserRolesRequest"


class UserRolesOutput(Output):
    user = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())

    class Meta:
        ref_name = "UserRoles"

    def represent(self, instance: User) -> dict[str, Any]:
        names = instance.groups.order_by("name").values_list("name", flat=True)
        return {"user": instance.get_username(), "roles": list(names)}


class RoleEndpoint(Endpoint):
    tag = "roles"

    def get_queryset(self) -> QuerySet[Group]:
        return Group.objects.prefetch_related("permissions__content_type")


class Roles(RoleEndpoint):
    operations = {"GET": Operation("list_roles", {200: RoleOutput(many=True)})}
    orderings = {"name": "name"}
    search_fields = ("name",)

    def get(self, request: Request) -> Response:
        """One page of the roles and groups, by name."""
        return self.page(self.visible(self.get_queryset()), RoleOutput())


class RoleByName(RoleEndpoint):
    operations = {"GET": Operation("get_role", {200: RoleDetailOutput})}

    def get(self, request: Request, name: str) -> Response:
        """The role with its members."""
        group = self.find(self.get_queryset(), name=name)
        return Response(RoleDetailOutput(context={"actor": self.actor}).represent(group))


class UserRoles(Endpoint):
    tag = "roles"
    operations = {
        "GET": Operation("get_user_roles", {200: UserRolesOutput}),
        "PUT": Operation("set_user_roles", {200: UserRolesOutput}, UserRolesInput, may_wait=True),
    }

    def get(self, request: Request, username: str) -> Response:
        """The roles and groups of a user."""
        user = self.find(User.objects.all(), username=username)
        return Response(UserRolesOutput().represent(user))

    def put(self, request: Request, username: str) -> Response:
        """Make the user a member of exactly these. Nobody gives or takes a role with rights that
        he does not hold himself.
        """
        user = self.find(User.objects.all(), Verb.ADMINISTER, username=username)
        names = set(self.input(request)["roles"])
        groups = list(policy.visible(self.actor, Group.objects.filter(name__in=names)))
        unknown = sorted(names - {group.name for group in groups})
        if unknown:
            raise InvalidRequest(
                f"There is no role {unknown[0]!r} that you may see.",
                code="role.unknown",
                field="roles",
            )
        services.set_groups(actor=self.actor, user=user, groups=groups)
        return Response(UserRolesOutput().represent(user))
