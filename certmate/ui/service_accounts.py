"""Service accounts: programs that own tokens. They sign in nowhere."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString

from certmate.access import owners, services
from certmate.access.models import ApiToken, ServiceAccount
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.ui import instants
from certmate.ui.badges import Badge, row
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.facts import Fact, FactGroup, Table, link
from certmate.ui.forms import ObjectForm, ServiceForm, team_field, team_name
from certmate.ui.objects import ServiceAdmin
from certmate.ui.tools import DeleteTool, Tool

TOKENS_SHOWN = 20


class NewServiceAccountForm(ServiceForm):
    submit_label = "Add service account"
    name = forms.CharField(max_length=64, help_text="What it is, such as deploy-pipeline.")
    description = forms.CharField(max_length=200, required=False)
    team = team_field()

    def carry_out(self) -> ServiceAccount:
        values = self.cleaned_data | {"team": team_name(self.cleaned_data) or ""}
        return services.create_service_account(actor=self.actor, **values)


class ServiceAccountForm(ObjectForm[ServiceAccount]):
    fieldsets = (("Settings", "", ("description", "team")),)
    description = forms.CharField(max_length=200, required=False)
    team = team_field()

    def __init__(self, *args: Any, obj: ServiceAccount, **kwargs: Any) -> None:
        initial = {"description": obj.description, "team": obj.team.name if obj.team else ""}
        super().__init__(*args, obj=obj, initial=initial, **kwargs)

    def carry_out(self) -> ServiceAccount:
        return services.update_service_account(
            actor=self.actor,
            account=self.obj,
            description=self.cleaned_data["description"],
            team=team_name(self.cleaned_data),
        )


class Deactivate(Tool[ServiceAccount]):
    name, label, verb, is_dangerous = "deactivate", "Put out of use", Verb.CHANGE, True
    explanation = "All its tokens are refused until it is put into use again."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, ServiceAccount) and obj.user.is_active

    def carry_out(self) -> None:
        services.update_service_account(actor=self.actor, account=self.obj, is_active=False)

    def told(self) -> str:
        return f"{self.obj} is out of use."


class Activate(Tool[ServiceAccount]):
    name, label, verb, is_direct = "activate", "Put into use", Verb.CHANGE, True

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, ServiceAccount) and not obj.user.is_active

    def carry_out(self) -> None:
        services.update_service_account(actor=self.actor, account=self.obj, is_active=True)

    def told(self) -> str:
        return f"{self.obj} is in use again."


class Delete(DeleteTool[ServiceAccount]):
    explanation = "Its tokens and grants go with it. The audit log keeps its name."

    def carry_out(self) -> None:
        services.delete_service_account(actor=self.actor, account=self.obj)


@admin.register(ServiceAccount)
class ServiceAccountPage(ServiceAdmin[ServiceAccount]):
    nav_group, nav_order = "Access", 2
    add_form_class, settings_form_class = NewServiceAccountForm, ServiceAccountForm
    tools = (Deactivate, Activate, Delete)

    list_display = ("named", "description", "team", "status")
    list_select_related = ("user", "team")
    search_fields = ("user__username__startswith",)
    search_help_text = "Beginning of the name."
    ordering = ("user__username",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ServiceAccount]:
        return super().get_queryset(request).select_related("user", "team")

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return super().empty_state(request)
        text = "A program gets an account of its own, so that its tokens outlive no person."
        label = "Add a service account"
        return EmptyState("No service accounts yet", text, self.url("add"), label)

    @admin.display(description="Name", ordering="user__username")
    def named(self, account: ServiceAccount) -> str:
        return str(account)

    @admin.display(description="State")
    def status(self, account: ServiceAccount) -> SafeString:
        return row(*self.badges(account))

    def badges(self, obj: ServiceAccount) -> Iterable[Badge]:
        in_use = obj.user.is_active
        yield Badge("In use", "good") if in_use else Badge("Out of use", "bad")
        if obj.user.is_superuser:
            yield Badge("Superuser", "warn", "May do everything.")

    def facts(self, request: HttpRequest, obj: ServiceAccount) -> list[FactGroup]:
        groups = sorted(obj.user.groups.values_list("name", flat=True))
        about = (
            Fact("Description", obj.description),
            Fact("Team", self.linked(request, obj.team) if obj.team else "none"),
            Fact("Roles and groups", ", ".join(groups)),
            Fact("User", self.linked(request, obj.user), "Roles and rights are given there."),
            Fact("Made", instants.absolute(obj.created_at)),
            *self._offer(request, obj),
        )
        return [FactGroup("Service account", about)]

    def _offer(self, request: HttpRequest, obj: ServiceAccount) -> Iterable[Fact]:
        if owners.whom(self.actor(request)).filter(pk=obj.user.pk).exists():
            url = admin_url(ApiToken, "add", owner=str(obj.user.pk))
            yield Fact("New token", link(url, "Make a token"))

    def tables(self, request: HttpRequest, obj: ServiceAccount) -> Iterable[Table]:
        actor, now = self.actor(request), clock.now()
        tokens = owners.visible(actor, ApiToken.objects.filter(owner=obj.user))
        rows = [
            (
                link(admin_url(token), token.name),
                ", ".join(token.scopes),
                instants.relative(token.last_used_at, now),
                instants.relative(token.expires_at, now),
                "active" if token.is_usable(now) else "ended",
            )
            for token in tokens.select_related("owner").order_by("-id")[:TOKENS_SHOWN]
        ]
        headers = ("Name", "Scopes", "Last used", "Expires", "State")
        more = admin_url(ApiToken, "changelist", owner=str(obj.user.pk))
        yield Table("Tokens", headers, rows, empty="None that you may see.", more=more)
