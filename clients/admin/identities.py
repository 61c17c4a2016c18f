"""Identities: the list, the add page, and the page of one with its certificates."""

from collections.abc import Iterable

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.ui import instants
from certmate.ui.badges import Badge
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.facts import Fact, FactGroup, Table
from certmate.ui.filters import VisibleRelatedFilter
from certmate.ui.objects import ServiceAdmin
from clients.admin import shown
from clients.admin.details import certificate_table
from clients.admin.tools import DeleteIdentity
from clients.forms.identities import IdentitySettingsForm, NewIdentityForm
from clients.models import ClientCertificate, Identity


@admin.register(Identity)
class IdentityAdmin(ServiceAdmin[Identity]):
    nav_group, nav_order = "Clients", 2
    add_form_class, settings_form_class = NewIdentityForm, IdentitySettingsForm
    add_title = "New identity"
    tools = (DeleteIdentity,)
    object_template = "certmate/clients_object.html"
    deferred = ("subject", "tags", "notes")

    list_display = ("named", "kind", "email", "team")
    list_filter = ("kind", ("team", VisibleRelatedFilter))
    search_fields = ("name__startswith",)
    search_help_text = "Beginning of the identifier."
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Identity]:
        return super().get_queryset(request).select_related("team", "created_by")

    def list_queryset(self, rows: models.QuerySet[Identity]) -> models.QuerySet[Identity]:
        return rows.select_related(None).select_related("team")

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return super().empty_state(request)
        text = "A person, device or service that holds client certificates, one or many."
        return EmptyState("No identities yet", text, self.url("add"), "New identity")

    @admin.display(description="Identity", ordering="name")
    def named(self, identity: Identity) -> SafeString:
        return shown.named(identity.name, identity.description)

    def badges(self, obj: Identity) -> Iterable[Badge]:
        yield Badge(obj.get_kind_display())

    def links(self, request: HttpRequest, obj: Identity) -> Iterable[tuple[str, str]]:
        if policy.possible(self.actor(request), Verb.REQUEST, ClientCertificate):
            url = admin_url(ClientCertificate, "add", identity=obj.name)
            yield "New certificate for this identity", url
        yield from super().links(request, obj)

    def facts(self, request: HttpRequest, obj: Identity) -> list[FactGroup]:
        about = (
            Fact("Description", obj.description),
            Fact("E-mail", obj.email),
            Fact("Team", self.linked(request, obj.team) if obj.team else "none"),
            Fact("Tags", ", ".join(obj.tags)),
            Fact("Notes", obj.notes),
            Fact("Taken up", instants.absolute(obj.created_at)),
            Fact("By", obj.created_by or "CertMate"),
        )
        return [
            FactGroup("Identity", about),
            FactGroup("Certificates say", [Fact("Subject", shown.subject(obj.subject))]),
        ]

    def tables(self, request: HttpRequest, obj: Identity) -> Iterable[Table]:
        rows = policy.visible(self.actor(request), ClientCertificate.objects.filter(identity=obj))
        more = admin_url(ClientCertificate, "changelist", identity=str(obj.pk))
        yield certificate_table(rows.order_by("-id"), more)
