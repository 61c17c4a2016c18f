"""Mirrors in the admin: where else bundles are, and what holds up a copy."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.ui import instants
from certmate.ui.badges import Badge
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.facts import Fact, FactGroup, Table, code, link
from certmate.ui.forms import ServiceForm
from certmate.ui.objects import ServiceAdmin
from certmate.ui.tools import Tool
from storage import services
from storage.backends.base import KINDS, BundleRef
from storage.choices import TONES
from storage.models import Mirror, StorageTarget


class NewMirrorForm(ServiceForm):
    kind = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS])
    name = forms.CharField(max_length=200, help_text="Of the certificate.")
    source = forms.ModelChoiceField(
        StorageTarget.objects.none(), label="Is at", help_text="The bundle's own target."
    )
    target = forms.ModelChoiceField(StorageTarget.objects.none(), label="Shall be at as well")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("source", "target"):
            self.offer(name, StorageTarget)

    def carry_out(self) -> Mirror:
        wish = self.cleaned_data
        return services.add_mirror(
            actor=self.actor,
            kind=wish["kind"],
            name=wish["name"],
            source=wish["source"].name,
            target=wish["target"].name,
        )


class Retry(Tool[Mirror]):
    name, label, verb, is_direct = "retry", "Try now", Verb.CHANGE, True
    explanation = "Tries at once what is waited with."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Mirror) and obj.next_attempt_at is not None

    def carry_out(self) -> Mirror:
        return services.retry_mirror(actor=self.actor, mirror=self.obj)

    def told(self) -> str:
        return "It is tried now."


class Remove(Tool[Mirror]):
    name, label, verb, is_dangerous = "remove", "Remove", Verb.CHANGE, True
    explanation = "Deletes the copy there, as often as it takes. The bundle's own target keeps it."

    def carry_out(self) -> None:
        services.remove_mirror(actor=self.actor, mirror=self.obj)

    def told(self) -> str:
        return "The copy is being deleted."

    def next_url(self) -> str:
        return admin_url(Mirror, "changelist")


@admin.register(Mirror)
class MirrorAdmin(ServiceAdmin[Mirror]):
    nav_group, nav_order = "Storage", 3
    add_form_class, add_title = NewMirrorForm, "New mirror"
    tools = (Retry, Remove)
    deferred = ("error_detail",)

    list_display = ("bundle", "status", "source", "target", "when")
    list_filter = ("state",)
    search_fields = ("name__startswith",)
    search_help_text = "Beginning of the certificate's name."
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Mirror]:
        """Names of bundles are names of certificates, so these are for who may change a source."""
        rows = super().get_queryset(request).select_related("source", "target")
        return policy.visible(self.actor(request), rows, Verb.CHANGE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return policy.possible(self.actor(request), Verb.CHANGE, StorageTarget)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def empty_state(self, request: HttpRequest) -> EmptyState:
        text = "A mirror is a further target that a certificate's bundle is copied to."
        if not self.has_add_permission(request):
            return EmptyState("No mirrors that you may see", text)
        return EmptyState("No mirrors yet", text, self.url("add"), "New mirror")

    @admin.display(description="Bundle", ordering="-id")
    def bundle(self, mirror: Mirror) -> str:
        return f"{mirror.kind}/{mirror.name}"

    @admin.display(description="State", ordering="state")
    def status(self, mirror: Mirror) -> Badge:
        return _badge(mirror)

    @admin.display(description="Copied")
    def when(self, mirror: Mirror) -> SafeString:
        return instants.relative(mirror.stored_at, clock.now())

    def badges(self, obj: Mirror) -> Iterable[Badge]:
        yield _badge(obj)

    def notices(self, request: HttpRequest, obj: Mirror | None) -> Iterable[tuple[str, str]]:
        if obj is not None and obj.error_code and obj.next_attempt_at is not None:
            yield "bad", f"{obj.error_detail} ({obj.error_code})"

    def facts(self, request: HttpRequest, obj: Mirror) -> list[FactGroup]:
        copy = (
            Fact("Is at", self.linked(request, obj.source)),
            Fact("Copied to", self.linked(request, obj.target)),
            Fact("Version that shall be there", code(obj.wanted)),
            Fact("Version that is there", code(obj.stored) if obj.stored else "none"),
            Fact("Copied", instants.absolute(obj.stored_at)),
            Fact("Next attempt", instants.absolute(obj.next_attempt_at)),
            Fact("Failed attempts", str(obj.attempts)),
        )
        return [FactGroup("Copy", copy)]


def mirror_tables(actor: Actor, ref: BundleRef) -> Iterable[Table]:
    """Where else a bundle is, for the page of its certificate; for who may change its target."""
    mirrors = Mirror.objects.filter(kind=ref.kind, name=ref.name).select_related("target")
    rows = [
        (
            link(admin_url(mirror), str(mirror.target)),
            _badge(mirror),
            instants.relative(mirror.stored_at, clock.now()),
            mirror.error_detail,
        )
        for mirror in policy.visible(actor, mirrors, Verb.CHANGE)
    ]
    if rows:
        yield Table("Mirrors", ("Storage target", "State", "Copied", "Last failure"), rows)


def _badge(mirror: Mirror) -> Badge:
    return Badge(mirror.get_state_display(), TONES[mirror.state])
