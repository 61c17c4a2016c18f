"""The audit log: read here, written nowhere. Its list counts nothing and scans nothing."""

from typing import Any

from auditlog.models import LogEntry
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certmate.core import clock
from certmate.ui import instants
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.facts import Fact, FactGroup, Table, code
from certmate.ui.objects import ServiceAdmin

admin.site.unregister(LogEntry)

_ACTIONS = {
    LogEntry.Action.CREATE: "created",
    LogEntry.Action.UPDATE: "changed",
    LogEntry.Action.DELETE: "deleted",
    LogEntry.Action.ACCESS: "read",
}


@admin.register(LogEntry)
class EntryPage(ServiceAdmin[LogEntry]):
    nav_group, nav_order, nav_label = "Audit", 1, "Audit log"
    deferred = ("changes", "changes_text", "serialized_data")

    list_display = ("at", "event", "what", "who", "address", "request_id")
    list_filter = ("action",)
    list_select_related = ("actor", "content_type")
    search_fields = ("object_pk__exact", "cid__exact", "actor__username__exact")
    search_help_text = "A user name, a request id or the key of an object, in full."
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[LogEntry]:
        return super().get_queryset(request).select_related("actor", "content_type")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[LogEntry], bool]:
        """Three indexed columns; a search in the changes would read the whole log."""
        term = search_term.strip()
        if not term:
            return queryset, False
        people = list(User.objects.filter(username=term).values_list("pk", flat=True))
        exact = models.Q(cid=term) | models.Q(object_pk=term) | models.Q(actor_id__in=people)
        return queryset.filter(exact), False

    def empty_state(self, request: HttpRequest) -> EmptyState:
        return EmptyState("Nothing here yet", "Everything that changes something is written down.")

    @admin.display(description="When")
    def at(self, entry: LogEntry) -> SafeString:
        return instants.relative(entry.timestamp, clock.now())

    @admin.display(description="What")
    def event(self, entry: LogEntry) -> str:
        kind = entry.content_type.name
        told = (entry.additional_data or {}).get("event")
        return str(told or f"{kind} {_ACTIONS.get(entry.action, '')}")

    @admin.display(description="Object")
    def what(self, entry: LogEntry) -> str:
        return str(entry.object_repr)

    @admin.display(description="Who")
    def who(self, entry: LogEntry) -> str:
        deleted = (entry.additional_data or {}).get("actor") or entry.actor_email
        return str(entry.actor or deleted or "CertMate")

    @admin.display(description="From")
    def address(self, entry: LogEntry) -> str:
        return entry.remote_addr or ""

    @admin.display(description="Request")
    def request_id(self, entry: LogEntry) -> SafeString | str:
        if not entry.cid:
            return ""
        return format_html('<code title="{}">{}</code>', entry.cid, entry.cid[:8])

    def facts(self, request: HttpRequest, obj: LogEntry) -> list[FactGroup]:
        entry = (
            Fact("When", f"{obj.timestamp:%Y-%m-%d %H:%M:%S.%f} UTC"),
            Fact("What", self.event(obj)),
            Fact("Object", self._object(obj)),
            Fact("Who", self.who(obj)),
            Fact("From", obj.remote_addr),
            Fact("Request id", code(obj.cid or "")),
        )
        details = {k: v for k, v in (obj.additional_data or {}).items() if k != "event"}
        groups = [FactGroup("Entry", entry)]
        if details:
            groups.append(FactGroup("Details", [Fact(k, v) for k, v in details.items()]))
        return groups

    def tables(self, request: HttpRequest, obj: LogEntry) -> list[Table]:
        changes = (obj.changes_dict or {}).items()
        # Changes of many-to-many fields are dicts; those of columns are pairs.
        rows = [(name, *pair) for name, pair in changes if isinstance(pair, list | tuple)]
        return [Table("Changes", ("Field", "Before", "After"), rows)] if rows else []

    def _object(self, entry: LogEntry) -> SafeString | str:
        model = ContentType.model_class(entry.content_type)
        if model is None:
            return self.what(entry)
        try:
            url = admin_url(model(pk=entry.object_pk))
        except NoReverseMatch:
            return self.what(entry)
        return format_html('<a href="{}">{}</a>', url, entry.object_repr)
