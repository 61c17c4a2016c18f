"""Groups: the roles that come with CertMate, and those that people make beside them."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString

from certmate.access import policy, services
from certmate.access.roles import ROLES, is_role
from certmate.ui.badges import Badge, row
from certmate.ui.facts import Fact, FactGroup, Table, lines
from certmate.ui.forms import ObjectForm, ServiceForm
from certmate.ui.objects import ServiceAdmin
from certmate.ui.rights import PermissionsTool
from certmate.ui.tools import DeleteTool

admin.site.unregister(Group)

MEMBERS_SHOWN = 200


class NewGroupForm(ServiceForm):
    submit_label = "Add group"
    name = forms.CharField(max_length=150)

    def carry_out(self) -> Group:
        return services.create_group(actor=self.actor, **self.cleaned_data)


class GroupSettingsForm(ObjectForm[Group]):
    name = forms.CharField(max_length=150)
    fieldsets = (("Group", "", ("name",)),)

    def __init__(self, *args: Any, obj: Group, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, initial={"name": obj.name}, **kwargs)

    def carry_out(self) -> Group:
        return services.rename_group(actor=self.actor, group=self.obj, **self.cleaned_data)


class DeleteGroup(DeleteTool[Group]):
    explanation = "Its members lose what they may do by it."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return not (isinstance(obj, Group) and is_role(obj))

    def carry_out(self) -> None:
        services.delete_group(actor=self.actor, group=self.obj)


@admin.register(Group)
class GroupPage(ServiceAdmin[Group]):
    nav_group, nav_order, nav_label = "Access", 4, "Roles and groups"
    add_form_class, settings_form_class = NewGroupForm, GroupSettingsForm
    tools = (PermissionsTool, DeleteGroup)

    list_display = ("name", "about", "kind")
    search_fields = ("name__startswith",)
    search_help_text = "Beginning of the name."
    ordering = ("name",)

    @admin.display(description="What for")
    def about(self, group: Group) -> str:
        return ROLES[group.name][0] if is_role(group) else ""

    @admin.display(description="")
    def kind(self, group: Group) -> SafeString:
        return row(*self.badges(group))

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        if obj is not None and is_role(obj):
            return False
        return super().has_change_permission(request, obj)

    def badges(self, obj: Group) -> list[Badge]:
        return [Badge("Role", "info", "Comes with CertMate.")] if is_role(obj) else []

    def notices(self, request: HttpRequest, obj: Group | None) -> Iterable[tuple[str, str]]:
        if obj is not None and is_role(obj):
            yield (
                "info",
                f"{self.about(obj)} The role's permissions come with each release and are not "
                "edited; for another set make a group.",
            )

    def facts(self, request: HttpRequest, obj: Group) -> list[FactGroup]:
        rights = obj.permissions.order_by("name").values_list("name", flat=True)
        return [FactGroup("Rights", [Fact("Permissions", lines(list(rights)))])]

    def tables(self, request: HttpRequest, obj: Group) -> list[Table]:
        members = User.objects.filter(groups=obj).order_by("username")
        shown = policy.visible(self.actor(request), members)[:MEMBERS_SHOWN]
        rows = [(self.linked(request, user), user.get_full_name()) for user in shown]
        empty = "None that you may see. Members are set on the page of a user."
        return [Table("Members", ("User", "Name"), rows, empty=empty)]
