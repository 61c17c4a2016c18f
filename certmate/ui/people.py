"""Users: made, changed, given a password and roles. Nobody changes who has more than himself."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.safestring import SafeString

from certmate.access import explain, policy, services
from certmate.access.services.granting import is_superuser
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.ui import instants
from certmate.ui.access import reach_table
from certmate.ui.badges import Badge, row
from certmate.ui.base import EmptyState
from certmate.ui.facts import Fact, FactGroup, lines
from certmate.ui.forms import ObjectForm, ServiceForm
from certmate.ui.objects import ServiceAdmin
from certmate.ui.rights import PermissionsTool
from certmate.ui.tools import DeleteTool, Tool

admin.site.unregister(User)

_NEW = {"autocomplete": "new-password"}


class AccountForm(ServiceForm):
    """What is known of a user, and where he may sign in."""

    username = forms.CharField(
        label="User name", max_length=150, widget=forms.TextInput(attrs={"autocapitalize": "off"})
    )
    first_name = forms.CharField(max_length=150, required=False)
    last_name = forms.CharField(max_length=150, required=False)
    email = forms.EmailField(label="E-mail address", required=False)
    is_active = forms.BooleanField(
        label="Active",
        required=False,
        initial=True,
        help_text="Without it neither the user nor the user's tokens may do anything.",
    )
    is_staff = forms.BooleanField(
        label="May sign in here",
        required=False,
        initial=True,
        help_text="Without it the API only.",
    )
    is_superuser = forms.BooleanField(
        label="Superuser", required=False, help_text="May do everything, and is asked nothing."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_superuser(self.actor):
            del self.fields["is_superuser"]


class PasswordTwice(forms.Form):
    """A new password, typed twice."""

    password = forms.CharField(
        label="New password",
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs=_NEW),
        help_text="Empty: none. The user signs in by a provider, or not at all.",
    )
    password_again = forms.CharField(
        label="New password again",
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs=_NEW),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("password") != data.pop("password_again", ""):
            self.add_error("password_again", "The two are not the same.")
        return data


class NewUserForm(PasswordTwice, AccountForm):
    submit_label = "Add user"
    field_order = ("username", "password", "password_again", "first_name", "last_name", "email")

    def carry_out(self) -> User:
        return services.create_user(actor=self.actor, **self.cleaned_data)


class UserSettingsForm(AccountForm, ObjectForm[User]):
    fieldsets = (("Account", "", tuple(AccountForm.base_fields)),)

    def __init__(self, *args: Any, obj: User, **kwargs: Any) -> None:
        initial = {name: getattr(obj, name) for name in AccountForm.base_fields}
        super().__init__(*args, obj=obj, initial=initial, **kwargs)

    def carry_out(self) -> User:
        return services.update_user(actor=self.actor, user=self.obj, **self.cleaned_data)


class SetPassword(PasswordTwice, Tool[User]):
    name, label, verb = "password", "Set password", Verb.ADMINISTER
    explanation = (
        "The user is signed out everywhere. You set the password only of somebody whose rights "
        "you hold all yourself, because whoever knows it can use them."
    )

    def carry_out(self) -> None:
        password = self.cleaned_data["password"]
        services.set_password(actor=self.actor, user=self.obj, password=password)

    def told(self) -> str:
        return f"The password of {self.obj} is set."


class SetRoles(Tool[User]):
    name, label, verb = "roles", "Roles and groups", Verb.ADMINISTER
    explanation = "You give and take only groups all of whose rights you hold yourself."
    roles = forms.ModelMultipleChoiceField(
        Group.objects.none(),
        label="Member of",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, obj: User, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        field = self.fields["roles"]
        assert isinstance(field, forms.ModelMultipleChoiceField)  # noqa: S101 - For mypy.
        field.queryset = self.usable(Group.objects.order_by("name"))
        field.initial = [group.pk for group in obj.groups.all()]

    def carry_out(self) -> None:
        hidden = self.obj.groups.exclude(pk__in=self.usable(Group.objects.all()).values("pk"))
        groups = {*self.cleaned_data["roles"], *hidden}
        services.set_groups(actor=self.actor, user=self.obj, groups=groups)

    def told(self) -> str:
        return f"The groups of {self.obj} are set."


class DeleteUser(DeleteTool[User]):
    explanation = (
        "Deletes the user with tokens and grants; what the user made stays. To keep the name in "
        "lists, deactivate the user instead."
    )

    def carry_out(self) -> None:
        services.delete_user(actor=self.actor, user=self.obj)


@admin.register(User)
class UserPage(ServiceAdmin[User]):
    nav_group, nav_order = "Access", 3
    add_form_class, settings_form_class = NewUserForm, UserSettingsForm
    tools = (SetRoles, SetPassword, PermissionsTool, DeleteUser)

    list_display = ("username", "full_name", "email", "status", "seen")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("username__startswith", "email__startswith")
    search_help_text = "Beginning of the user name or e-mail address."
    deferred = ("password",)
    ordering = ("username",)

    @admin.display(description="Name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description="State")
    def status(self, user: User) -> SafeString:
        return row(*self.badges(user))

    @admin.display(description="Signed in", ordering="last_login")
    def seen(self, user: User) -> SafeString:
        return instants.relative(user.last_login, clock.now())

    def empty_state(self, request: HttpRequest) -> EmptyState:
        return EmptyState("No users", "None that you may see.")

    def may(self, request: HttpRequest, verb: Verb, obj: Any = None) -> bool:
        # The services say the same; a button that they refuse is not offered.
        is_above = isinstance(obj, User) and obj.is_superuser and verb != Verb.VIEW
        if is_above and not is_superuser(self.actor(request)):
            return False
        return super().may(request, verb, obj)

    def badges(self, obj: User) -> list[Badge]:
        badges = [] if obj.is_active else [Badge("Inactive", "bad")]
        if obj.is_superuser:
            badges.append(Badge("Superuser", "warn", "May do everything."))
        elif not obj.is_staff:
            badges.append(Badge("API only", "mute", "May not sign in here."))
        return badges

    def facts(self, request: HttpRequest, obj: User) -> list[FactGroup]:
        account = (
            Fact("Name", obj.get_full_name()),
            Fact("E-mail address", obj.email),
            Fact("Password", "set" if obj.has_usable_password() else "none"),
            Fact("Signed in", instants.relative(obj.last_login, clock.now())),
            Fact("Joined", instants.absolute(obj.date_joined)),
        )
        groups = obj.groups.order_by("name")
        rights = obj.user_permissions.order_by("name").values_list("name", flat=True)
        held = (
            Fact("Member of", lines([self.linked(request, group) for group in groups])),
            Fact("Own permissions", lines(list(rights)) if rights else "none"),
        )
        return [FactGroup("Account", account), FactGroup("Rights", held)]

    def links(self, request: HttpRequest, obj: User) -> Iterable[tuple[str, str]]:
        yield from super().links(request, obj)
        if self._may_read_reach(request, obj):
            yield "Reach", self.url("reach", obj)

    def get_urls(self) -> list[URLPattern]:
        return [self.object_url("reach", partial(self.reach_view)), *super().get_urls()]

    def reach_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the user can do, as far as the reader may see the objects."""
        user = self.shown_object(request, object_id)
        if not self._may_read_reach(request, user):
            raise PermissionDenied
        table = reach_table(explain.reach(user, told_to=self.actor(request)))
        context = {"title": f"Reach of {user}", "original": user, "table": table}
        return self.page(request, "certmate/reach.html", **context, back=self.url("change", user))

    def _may_read_reach(self, request: HttpRequest, user: User) -> bool:
        return user == request.user or policy.allowed(self.actor(request), Verb.VIEW, User)
