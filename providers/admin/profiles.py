"""Profiles: the list, and the page on which a person says what may be signed."""

from collections.abc import Iterable, Sequence

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from certmate.pki.keys import label
from certmate.pki.subject import ATTRIBUTES
from certmate.ui.badges import Badge, row
from certmate.ui.base import EmptyState
from certmate.ui.facts import Fact, FactGroup, lines
from certmate.ui.objects import ServiceAdmin
from certmate.ui.tools import DeleteTool
from providers.forms.profiles import KIND_LABELS, NewProfileForm, ProfileSettingsForm
from providers.models import Profile
from providers.services import delete_profile


class DeleteProfile(DeleteTool[Profile]):
    explanation = "Certificates that were signed by it stay as they are."

    def carry_out(self) -> None:
        delete_profile(actor=self.actor, profile=self.obj)


@admin.register(Profile)
class ProfileAdmin(ServiceAdmin[Profile]):
    nav_group, nav_order = "Private CA", 2
    add_form_class, settings_form_class = NewProfileForm, ProfileSettingsForm
    tools = (DeleteProfile,)
    deferred = ("subject", "subject_fields", "alt_names")

    list_display = ("name", "description", "purposes", "validity", "status")
    search_fields = ("name__startswith",)
    search_help_text = "Beginning of the name."
    ordering = ("name",)

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return super().empty_state(request)
        text = "A profile says what an authority may put into a certificate for one purpose."
        return EmptyState("No profiles", text, self.url("add"), "Add a profile")

    @admin.display(description="Purposes")
    def purposes(self, profile: Profile) -> str:
        return ", ".join(profile.extended_key_usage) or "any"

    @admin.display(description="Validity", ordering="default_days")
    def validity(self, profile: Profile) -> str:
        return f"{profile.default_days} days, at most {profile.longest_days}"

    @admin.display(description="")
    def status(self, profile: Profile) -> SafeString:
        return row(*self.badges(profile))

    def badges(self, obj: Profile) -> Iterable[Badge]:
        if obj.needs_approval:
            yield Badge("Needs approval", "warn", "Somebody else approves of each request.")

    def facts(self, request: HttpRequest, obj: Profile) -> list[FactGroup]:
        if self.has_change_permission(request, obj):
            return []  # The form says the same.
        return [_key(obj), _names(obj)]


def _key(profile: Profile) -> FactGroup:
    return FactGroup(
        "Rules",
        (
            Fact("For", profile.description),
            Fact("Type in metadata", profile.certificate_type),
            Fact("Key types", _list([label(one) for one in profile.key_types])),
            Fact("Its key may", _list(profile.key_usage)),
            Fact("Purposes", _list(profile.extended_key_usage)),
            Fact("Validity", f"{profile.default_days} days, at most {profile.longest_days}"),
        ),
    )


def _names(profile: Profile) -> FactGroup:
    settable = [f"{ATTRIBUTES[name].label} ({name})" for name in profile.subject_fields]
    given = [f"{name}={text}" for name, text in profile.subject.items()]
    return FactGroup(
        "Names",
        (
            Fact("Requester may set", _list(settable)),
            Fact("Each gets", _list(given)),
            *(
                Fact(kind_label, ", ".join(profile.alt_names.get(kind, ())) or "none")
                for kind, kind_label in KIND_LABELS.items()
            ),
        ),
    )


def _list(values: Sequence[str]) -> SafeString | str:
    return lines(values) if values else "none"
