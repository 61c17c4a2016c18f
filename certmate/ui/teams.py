"""Teams: what they own, and who may do what with it."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from certmate.access import grants, policy, services
from certmate.access.models import Team
from certmate.access.verbs import Verb
from certmate.ui import instants, panels
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.facts import Fact, FactGroup, Table, link
from certmate.ui.forms import ObjectForm, ServiceForm
from certmate.ui.objects import ServiceAdmin
from certmate.ui.tools import DeleteTool


class TeamFields(ServiceForm):
    name = forms.SlugField(max_length=64)
    description = forms.CharField(max_length=200, required=False)


class NewTeamForm(TeamFields):
    submit_label = "Add team"

    def carry_out(self) -> Team:
        return services.create_team(actor=self.actor, **self.cleaned_data)


class TeamSettingsForm(TeamFields, ObjectForm[Team]):
    fieldsets = (("Team", "", ("name", "description")),)

    def __init__(self, *args: Any, obj: Team, **kwargs: Any) -> None:
        initial = {"name": obj.name, "description": obj.description}
        super().__init__(*args, obj=obj, initial=initial, **kwargs)

    def carry_out(self) -> Team:
        return services.update_team(actor=self.actor, team=self.obj, **self.cleaned_data)


class DeleteTeam(DeleteTool[Team]):
    explanation = "Only a team that owns nothing can be deleted. Grants on it go with it."

    def carry_out(self) -> None:
        services.delete_team(actor=self.actor, team=self.obj)


@admin.register(Team)
class TeamPage(ServiceAdmin[Team]):
    nav_group, nav_order = "Access", 5
    add_form_class, settings_form_class = NewTeamForm, TeamSettingsForm
    tools = (DeleteTeam,)

    list_display = ("name", "description")
    search_fields = ("name__startswith",)
    search_help_text = "Beginning of the name."
    ordering = ("name",)

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return super().empty_state(request)
        text = "A team owns certificates, accounts and targets; a grant on it reaches all of them."
        return EmptyState("No teams yet", text, self.url("add"), "Add a team")

    def facts(self, request: HttpRequest, obj: Team) -> list[FactGroup]:
        about = (
            Fact("Description", obj.description),
            Fact("Made", instants.absolute(obj.created_at)),
        )
        return [FactGroup("Team", about)]

    def tables(self, request: HttpRequest, obj: Team) -> list[Table]:
        rows = [*self._owned(request, obj)]
        headers = ("Kind", "How many you see")
        return [Table("Owns", headers, rows, empty="Nothing that you may see.")]

    def _owned(self, request: HttpRequest, team: Team) -> Iterable[tuple[Any, str]]:
        actor = self.actor(request)
        for model in grants.contents(Team):
            if not policy.possible(actor, Verb.VIEW, model):
                continue
            rows = policy.visible(actor, model._default_manager.filter(team=team))
            count = rows.order_by().values("pk")[: panels.MOST + 1].count()
            label = str(model._meta.verbose_name_plural)
            shown: Any = label
            if model in self.admin_site._registry:
                shown = link(admin_url(model, "changelist", team=str(team.pk)), label)
            if count:
                yield shown, f"{panels.MOST}+" if count > panels.MOST else str(count)
