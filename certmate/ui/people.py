"""Users and groups: Django's pages in our lists. Rights are given by superusers only."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.safestring import SafeString

from certmate.core import clock
from certmate.ui import instants
from certmate.ui.badges import Badge, row
from certmate.ui.base import PolicyAdmin

admin.site.unregister([User, Group])

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")
"""Whoever may change these of anybody may do everything."""


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


@admin.register(User)
class UserPage(PolicyAdmin[User], auth.UserAdmin):  # type: ignore[type-arg]
    nav_group, nav_order = "Access", 2

    list_display = ("username", "full_name", "email", "status", "seen")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("username__startswith", "email__startswith")
    search_help_text = "Beginning of the user name or e-mail address."
    deferred = ("password",)

    @admin.display(description="Name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description="State")
    def status(self, user: User) -> SafeString:
        badges = [] if user.is_active else [Badge("Inactive", "bad")]
        if user.is_superuser:
            badges.append(Badge("Superuser", "warn", "May do everything."))
        elif not user.is_staff:
            badges.append(Badge("API only", "mute", "May not sign in here."))
        return row(*badges)

    @admin.display(description="Signed in", ordering="last_login")
    def seen(self, user: User) -> SafeString:
        return instants.relative(user.last_login, clock.now())

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        own = ("last_login", "date_joined")
        return own if _is_superuser(request) else (*own, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        # Who can set somebody's password can do what that person can.
        if obj is not None and obj != request.user and not _is_superuser(request):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_superuser and not _is_superuser(request):
            return False
        return super().has_delete_permission(request, obj)


@admin.register(Group)
class GroupPage(PolicyAdmin[Group], auth.GroupAdmin):  # type: ignore[misc]
    nav_group, nav_order = "Access", 3

    list_display = ("name",)
    search_fields = ("name__startswith",)
    search_help_text = "Beginning of the name."

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        return () if _is_superuser(request) else ("permissions",)
