"""Migrations: the list with how far each is, and the page that watches one."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.ui import instants
from certmate.ui.badges import Badge
from certmate.ui.base import EmptyState
from certmate.ui.facts import Fact, FactGroup, Table
from certmate.ui.forms import ServiceForm
from certmate.ui.objects import ServiceAdmin
from certmate.ui.tools import Tool
from storage import services
from storage.choices import OPEN_WORK, TONES, ItemState, WorkState
from storage.models import MigrationItem, StorageMigration

FAILED_SHOWN = 100


class Cancel(Tool[StorageMigration]):
    name, label, verb, is_dangerous = "cancel", "Cancel migration", Verb.CHANGE, True
    explanation = "No further bundle is copied. What is copied stays, and the source is as it was."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, StorageMigration) and obj.state in OPEN_WORK

    def carry_out(self) -> StorageMigration:
        return services.cancel_migration(actor=self.actor, migration=self.obj)

    def told(self) -> str:
        return "The migration is cancelled."


@admin.register(StorageMigration)
class StorageMigrationAdmin(ServiceAdmin[StorageMigration]):
    nav_group, nav_order = "Storage", 2
    tools = (Cancel,)
    object_template = "certmate/progress.html"
    deferred = ("error_detail",)

    list_display = ("named", "status", "progress", "source", "destination", "asked")
    list_filter = ("state",)
    ordering = ("-id",)

    class Media:
        css = {"all": ("certmate/clients.css",)}

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[StorageMigration]:
        related = ("source", "destination", "requested_by")
        return super().get_queryset(request).select_related(*related)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A migration begins on the page of the target that it empties."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def empty_state(self, request: HttpRequest) -> EmptyState:
        text = "The page of a storage target has a button that moves its bundles to another one."
        return EmptyState("No migrations yet", text)

    @admin.display(description="Migration", ordering="-id")
    def named(self, migration: StorageMigration) -> str:
        return str(migration)

    @admin.display(description="State", ordering="state")
    def status(self, migration: StorageMigration) -> Badge:
        return _badge(migration)

    @admin.display(description="Progress")
    def progress(self, migration: StorageMigration) -> SafeString:
        label = f"{migration.done} of {migration.total}"
        bar = '<progress max="{}" value="{}" aria-label="{}"></progress> {}'
        return format_html(bar, migration.total or 1, migration.done, label, label)

    @admin.display(description="Asked for")
    def asked(self, migration: StorageMigration) -> SafeString:
        return instants.relative(migration.created_at, clock.now())

    def notices(
        self, request: HttpRequest, obj: StorageMigration | None
    ) -> Iterable[tuple[str, str]]:
        if obj is not None and obj.error_code and self.may(request, Verb.CHANGE, obj):
            waits = obj.state == WorkState.QUEUED
            yield "warn" if waits else "bad", f"{obj.error_detail} ({obj.error_code})"
        if obj is not None and obj.state == WorkState.INCOMPLETE:
            yield (
                "warn",
                f"{obj.source} still holds what could not be copied. Mend it and migrate again: "
                "what is there already is not copied twice.",
            )

    def facts(self, request: HttpRequest, obj: StorageMigration) -> list[FactGroup]:
        places = (
            Fact("From", self.linked(request, obj.source)),
            Fact("To", self.linked(request, obj.destination)),
            Fact("The source afterwards", "is emptied" if obj.cleans_up else "stays as it is"),
        )
        history = (
            Fact("Asked for", instants.absolute(obj.created_at)),
            Fact("By", obj.requested_by or "CertMate"),
            Fact("Begun", instants.absolute(obj.started_at)),
            Fact("Ended", instants.absolute(obj.finished_at)),
        )
        return [FactGroup("Bundles", places), FactGroup("History", history)]

    def tables(self, request: HttpRequest, obj: StorageMigration) -> Iterable[Table]:
        # Names of bundles are names of certificates, which not all who see the target may see.
        if obj.failed and self.may(request, Verb.CHANGE, obj):
            found = MigrationItem.objects.filter(migration=obj, state=ItemState.FAILED)
            rows = [(str(one), one.error_code, one.error_detail) for one in found[:FAILED_SHOWN]]
            yield Table("Failed bundles", ("Bundle", "Code", "Reason"), rows)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        own = path("<int:migration_id>/progress/", view, name="storage_migration_progress")
        return [own, *super().get_urls()]

    def progress_view(self, request: HttpRequest, migration_id: int) -> HttpResponse:
        """How far the migration is, for the script of its page."""
        migration = self.shown_object(request, str(migration_id))
        context = _progress(migration)
        status = render_to_string(context["status_template"], context, request)
        return JsonResponse({"open": context["is_open"], "status": status})

    def object_context(
        self, request: HttpRequest, obj: StorageMigration, form: ServiceForm | None = None
    ) -> dict[str, Any]:
        return super().object_context(request, obj, form) | _progress(obj)


def _badge(migration: StorageMigration) -> Badge:
    return Badge(migration.get_state_display(), TONES[migration.state])


def _progress(migration: StorageMigration) -> dict[str, Any]:
    """What changes while a migration is carried out."""
    is_open = migration.state in OPEN_WORK
    return {
        "migration": migration,
        "is_open": is_open,
        "badge": _badge(migration),
        "progress_url": reverse("admin:storage_migration_progress", args=[migration.pk]),
        "status_template": "certmate/migration_status.html",
    }
