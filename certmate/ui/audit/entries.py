"""The audit log: read here, written nowhere. Its list counts nothing and scans nothing."""

from typing import Any, ClassVar

from auditlog.models import LogEntry
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certmate.audit.choices import ActorKind
from certmate.audit.models import Checkpoint, Event, Leaf
from certmate.core import clock
from certmate.ui import instants
from certmate.ui.audit import state, views
from certmate.ui.audit.filtering import EntryList, FilterForm
from certmate.ui.badges import Badge
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.facts import Fact, FactGroup, Table, code, link
from certmate.ui.objects import ServiceAdmin
from certmate.ui.paginator import BoundedPaginator

admin.site.unregister(LogEntry)

DEEPEST = 200
"""Pages that can be turned to; what is older is reached by the period."""


@admin.register(Event)
class EntryPage(ServiceAdmin[Event]):
    nav_group, nav_order, nav_label = "Audit", 1, "Audit log"
    deferred = ("entry__changes", "entry__changes_text", "entry__serialized_data", "mac")
    change_list_template = "certmate/audit/list.html"
    object_template: ClassVar[str] = "certmate/audit/entry.html"

    list_display = ("when", "event", "what", "who", "came_from", "in_request")
    sortable_by = ()
    list_select_related = ("entry",)
    ordering = ("-at", "-pk")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Event]:
        return super().get_queryset(request).select_related("entry")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[EntryList]:
        return EntryList

    def get_paginator(
        self, request: HttpRequest, queryset: models.QuerySet[Any], per_page: int, *args: Any
    ) -> BoundedPaginator:
        text = request.GET.get("p", "1")
        page = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1
        return BoundedPaginator(queryset, per_page, page=min(page, DEEPEST))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "filters": FilterForm(request.GET),
            "searches": views.searches_of(request),
            "state": state.of_log(),
            "query": views.filters_of(request),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        def at(route: str, name: str, view: Any) -> URLPattern:
            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
                views.require_reader(self.has_view_permission(request))
                found: HttpResponse = view(request, *args, **kwargs)
                return found

            wrapped = self.admin_site.admin_view(guarded)
            return path(route, wrapped, name=f"audit_event_{name}")

        own = [
            at("export/<str:form>/", "export", views.export),
            at("searches/save/", "save_search", views.save),
            at("searches/<int:pk>/delete/", "delete_search", views.delete),
        ]
        return [*own, *super().get_urls()]

    def empty_state(self, request: HttpRequest) -> EmptyState:
        return EmptyState("Nothing here yet", "Everything that changes something is written down.")

    @admin.display(description="When")
    def when(self, event: Event) -> SafeString:
        return instants.relative(event.at, clock.now())

    @admin.display(description="What")
    def event(self, event: Event) -> str:
        return event.name

    @admin.display(description="Object")
    def what(self, event: Event) -> str:
        return str(event.entry.object_repr)

    @admin.display(description="Who")
    def who(self, event: Event) -> SafeString | str:
        kind = ActorKind(event.actor_kind)
        if kind == ActorKind.PERSON:
            return event.actor_name
        return format_html("{} {}", event.actor_name, Badge(str(kind.label), "mute"))

    @admin.display(description="From")
    def came_from(self, event: Event) -> str:
        return event.address

    @admin.display(description="Request")
    def in_request(self, event: Event) -> SafeString | str:
        if not event.request_id:
            return ""
        return format_html('<code title="{}">{}</code>', event.request_id, event.request_id[:8])

    def object_context(self, request: HttpRequest, obj: Event, form: Any = None) -> dict[str, Any]:
        context = super().object_context(request, obj, form)
        return {**context, "title": f"{obj.name} ({obj.pk})", "audit_url": ""}

    def facts(self, request: HttpRequest, obj: Event) -> list[FactGroup]:
        entry = (
            Fact("When", f"{obj.at:%Y-%m-%d %H:%M:%S.%f} UTC"),
            Fact("What", self._trail("event", obj.name, obj.name)),
            Fact("Object", self._object(obj)),
            Fact("Kind of object", obj.object_kind),
            Fact("Reason", obj.reason),
        )
        actor = (
            Fact("Who", self._trail("actor", obj.actor_name, obj.actor_name)),
            Fact("Kind of actor", ActorKind(obj.actor_kind).label),
            Fact("Token", self._trail("token", obj.token_id, obj.token_label)),
            Fact("From", self._trail("address", obj.address, obj.address)),
            Fact("Request id", code(obj.request_id)),
        )
        groups = [FactGroup("Entry", entry), FactGroup("Actor", actor), _seal(obj)]
        details = {k: v for k, v in (obj.entry.additional_data or {}).items() if k != "event"}
        if details:
            groups.append(FactGroup("Details", [Fact(k, v) for k, v in details.items()]))
        return groups

    def tables(self, request: HttpRequest, obj: Event) -> list[Table]:
        changes = (obj.entry.changes_dict or {}).items()
        # Changes of many-to-many fields are dicts; those of columns are pairs.
        rows = [(name, *pair) for name, pair in changes if isinstance(pair, list | tuple)]
        rows += [
            (name, "", f"{told['operation']}: {', '.join(told['objects'])}")
            for name, told in changes
            if isinstance(told, dict)
        ]
        return [Table("Changes", ("Field", "Before", "After"), rows)] if rows else []

    def buttons(self, request: HttpRequest, obj: Event) -> list[dict[str, Any]]:
        """The trails that lead through the entry."""
        trails = [("Trail of this object", self._of_object(obj))]
        if obj.actor_name:
            trails.append(("Trail of this actor", {"actor": obj.actor_name}))
        if obj.request_id:
            trails.append(("Trail of this request", {"request": obj.request_id}))
        if obj.order_id is not None:
            trails.append(("Trail of this order", {"order": str(obj.order_id)}))
        return [
            {"tool": {"label": label}, "url": admin_url(Event, "changelist", **query)}
            for label, query in trails
        ]

    def _of_object(self, event: Event) -> dict[str, str]:
        return {"object_kind": event.object_kind, "object_pk": event.object_pk}

    def _trail(self, name: str, value: str, label: str) -> SafeString | str:
        return link(admin_url(Event, "changelist", **{name: value}), label) if value else label

    def _object(self, event: Event) -> SafeString | str:
        shown = str(event.entry.object_repr)
        kind = ContentType.objects.get_for_id(event.entry.content_type_id)
        model = kind.model_class()
        if model is None or not event.object_pk:
            return shown
        try:
            return link(admin_url(model(pk=event.object_pk)), shown)
        except (NoReverseMatch, ValueError):
            return shown


def _seal(event: Event) -> FactGroup:
    leaf = Leaf.objects.filter(entry_id=event.pk).first()
    if leaf is None:
        return FactGroup("Seal", [Fact("Sealed", "not yet, within a minute")])
    bound = Checkpoint.objects.filter(size__gt=leaf.position).order_by("size").first()
    return FactGroup(
        "Seal",
        [
            Fact("Sealed", instants.absolute(bound.at) if bound else None),
            Fact("Position", leaf.position),
            Fact("Leaf hash", code(bytes(leaf.hash).hex())),
        ],
    )
