"""Service accounts: users that are programs."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy, services
from certmate.access.models import ServiceAccount
from certmate.access.verbs import Verb
from certmate.rest.fields import Flag, Text, instant
from certmate.rest.serializers import Input, Output
from certmate.rest.views import Endpoint, Operation


class ServiceAccountInput(Input):
    name = Text(max_length=64)
    description = Text(max_length=200, allow_blank=True, default="")
    team = Text(max_length=64, allow_blank=True, default="", help_text="Who owns it.")

    class Meta:
        ref_name = "ServiceAccountRequest"


class ServiceAccountChange(Input):
    description = Text(max_length=200, allow_blank=True)
    team = Text(max_length=64, allow_blank=True, help_text="Who owns it.")
    is_active = Flag(help_text="false: its tokens are refused.")

    class Meta:
        ref_name = "ServiceAccountChange"


class ServiceAccountOutput(Output):
    name = serializers.CharField()
    description = serializers.CharField()
    team = serializers.CharField(help_text="Empty: nobody's in particular.")
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "ServiceAccount"

    def represent(self, instance: ServiceAccount) -> dict[str, Any]:
        return {
            "name": instance.user.get_username(),
            "description": instance.description,
            "team": instance.team.name if instance.team else "",
            "is_active": instance.user.is_active,
            "created_at": instant(instance.created_at),
        }


class ServiceAccountEndpoint(Endpoint):
    tag = "service-accounts"

    def get_queryset(self) -> QuerySet[ServiceAccount]:
        return ServiceAccount.objects.select_related("user", "team")

    def shown(self, account: ServiceAccount, status: int = 200, **headers: str) -> Response:
        return Response(ServiceAccountOutput().represent(account), status, headers=headers)


class ServiceAccounts(ServiceAccountEndpoint):
    operations = {
        "GET": Operation("list_service_accounts", {200: ServiceAccountOutput(many=True)}),
        "POST": Operation(
            "create_service_account", {201: ServiceAccountOutput}, ServiceAccountInput
        ),
    }
    orderings = {"created_at": "id"}

    def get(self, request: Request) -> Response:
        """One page, the oldest first."""
        return self.page(self.visible(self.get_queryset()), ServiceAccountOutput())

    def post(self, request: Request) -> Response:
        """Make one. It may nothing until it is granted something, and cannot sign in."""
        policy.require_possible(self.actor, Verb.REQUEST, ServiceAccount)
        account = services.create_service_account(actor=self.actor, **self.input(request))
        location = request.build_absolute_uri(f"/api/service-accounts/{account}")
        return self.shown(account, 201, Location=location)


class ServiceAccountByName(ServiceAccountEndpoint):
    operations = {
        "GET": Operation("get_service_account", {200: ServiceAccountOutput}),
        "PATCH": Operation(
            "update_service_account", {200: ServiceAccountOutput}, ServiceAccountChange
        ),
        "DELETE": Operation("delete_service_account", {204: None}),
    }

    def get(self, request: Request, name: str) -> Response:
        """The account; its tokens are `/api/tokens?owner=` its name."""
        return self.shown(self.find(self.get_queryset(), user__username=name))

    def patch(self, request: Request, name: str) -> Response:
        """Change what is given."""
        account = self.find(self.get_queryset(), Verb.CHANGE, user__username=name)
        values = self.input(request, partial=True)
        return self.shown(
            services.update_service_account(actor=self.actor, account=account, **values)
        )

    def delete(self, request: Request, name: str) -> Response:
        """Delete it with its tokens and grants."""
        account = self.find(self.get_queryset(), Verb.DELETE, user__username=name)
        services.delete_service_account(actor=self.actor, account=account)
        return Response(status=204)
