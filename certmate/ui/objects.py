"""Pages of objects that only services write: to add one, to see its facts, to use tools on it.

Django's own form machinery saves models; here nothing does. A page translates input for a service
and its refusal into the errors of a form.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from auditlog.models import LogEntry
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from certmate.access import explain, policy
from certmate.access.services.approvals import ApprovalNeeded
from certmate.access.verbs import Verb
from certmate.core.errors import CertMateError
from certmate.ui import access
from certmate.ui.badges import Badge
from certmate.ui.base import M, PolicyAdmin, audit_url
from certmate.ui.facts import FactGroup, Table
from certmate.ui.forms import ObjectForm, ServiceForm
from certmate.ui.tools import Tool

_WAITS = "It waits for approval."

BULK_LIMIT = 500
"""Objects that one action takes on: a request must end while somebody waits."""


class ServiceAdmin(PolicyAdmin[M]):
    """An object's pages through services. Subclasses name the forms, tools, facts and tables."""

    add_form_class: ClassVar[type[ServiceForm] | None] = None
    settings_form_class: ClassVar[type[ObjectForm[Any]] | None] = None
    tools: ClassVar[Sequence[type[Tool[Any]]]] = ()
    add_title: ClassVar[str] = ""
    object_template: ClassVar[str] = "certmate/object.html"

    def badges(self, obj: M) -> Iterable[Badge]:
        """The object's states, beside its name."""
        return ()

    def facts(self, request: HttpRequest, obj: M) -> Iterable[FactGroup]:
        return ()

    def tables(self, request: HttpRequest, obj: M) -> Iterable[Table]:
        return ()

    def notices(self, request: HttpRequest, obj: M | None) -> Iterable[tuple[str, str]]:
        """(tone, text) of what a person should know before anything else."""
        return ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.add_form_class is not None and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        has_settings = self.settings_form_class is not None
        return has_settings and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        is_offered = any(tool.name == "delete" for tool in self.tools)
        return is_offered and super().has_delete_permission(request, obj)

    def add_form(self, request: HttpRequest, data: Any) -> ServiceForm:
        """The form of the add page."""
        assert self.add_form_class is not None  # noqa: S101 - has_add_permission has said so.
        return self.add_form_class(data, actor=self.actor(request))

    def settings_form(self, request: HttpRequest, data: Any, obj: M) -> ServiceForm:
        """The form for what may be changed on the object's page."""
        assert self.settings_form_class is not None  # noqa: S101 - has_change_permission has said so.
        return self.settings_form_class(data, actor=self.actor(request), obj=obj)

    def added(self, request: HttpRequest, result: Any) -> HttpResponse:
        """Where the add page leads."""
        self.message_user(request, f"{result} was added.", messages.SUCCESS)
        return HttpResponseRedirect(self.url("change", result))

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """A page of the site, with this model's place in it."""
        request.current_app = self.admin_site.name
        common = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        common["changelist_url"] = self.url("changelist")
        return TemplateResponse(request, template, {**common, **context})

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.add_form(request, request.POST if request.method == "POST" else None)
        if form.is_bound and form.accepted():
            return self.added(request, form.result)
        title = self.add_title or f"Add {self.opts.verbose_name}"
        notices = list(self.notices(request, None))
        context = {"title": title, "form": form, "notices": notices, **(extra_context or {})}
        return self.page(request, "certmate/add.html", **context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        obj = self.shown_object(request, object_id)
        form = None
        if self.has_change_permission(request, obj):
            form = self.settings_form(
                request, request.POST if request.method == "POST" else None, obj
            )
        elif request.method == "POST":
            raise PermissionDenied
        if form is not None and form.is_bound:
            if form.accepted():
                self.message_user(request, "The changes are saved.", messages.SUCCESS)
                return HttpResponseRedirect(self.url("change", obj))
            # A service may have changed the object in memory before it refused.
            obj = self.get_object(request, unquote(object_id))
        return self.page(request, self.object_template, **self.object_context(request, obj, form))

    def shown_object(self, request: HttpRequest, object_id: str) -> M:
        """The object, or 404; hidden ones do not exist."""
        obj = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        return obj

    def object_context(
        self, request: HttpRequest, obj: M, form: ServiceForm | None = None
    ) -> dict[str, Any]:
        return {
            "title": str(obj),
            "original": obj,
            "badges": list(self.badges(obj)),
            "notices": list(self.notices(request, obj)),
            "groups": list(self.facts(request, obj)),
            "tables": list(self.tables(request, obj)),
            "links": list(self.links(request, obj)),
            "buttons": self.buttons(request, obj),
            "form": form,
            "audit_url": self._audit_url(request, obj),
        }

    def links(self, request: HttpRequest, obj: M) -> Iterable[tuple[str, str]]:
        """(label, address) of further pages of the object that the user may see."""
        if explain.is_governed(self.model) and explain.is_legible(self.actor(request), obj):
            yield "Access", self.url("access", obj)

    def audited(self, obj: M) -> models.Model:
        """The object that the audit log tells about this one's changes."""
        return obj

    def _audit_url(self, request: HttpRequest, obj: M) -> str:
        may_read = policy.allowed(self.actor(request), Verb.VIEW, LogEntry)
        return audit_url(self.audited(obj)) if may_read else ""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(audit_url(self.audited(self.shown_object(request, object_id))))

    def buttons(self, request: HttpRequest, obj: M) -> list[dict[str, Any]]:
        """The tools that the user may use on the object as it is now."""
        return [
            {"tool": tool, "url": self.url(tool.name, obj)}
            for tool in self.tools
            if tool.in_toolbar and tool.offered(obj) and self.may(request, tool.verb, obj)
        ]

    def get_urls(self) -> list[URLPattern]:
        own = [
            self.object_url(tool.name, partial(self.tool_view, tool=tool))
            for tool in self.tools
            if tool.name != "delete"
        ]
        if explain.is_governed(self.model):
            own.append(self.object_url("access", partial(access.view, self)))
        return [*own, *super().get_urls()]

    def object_url(self, name: str, view: Callable[..., HttpResponse]) -> URLPattern:
        """The address of one more page of an object; the view takes request and `object_id`."""
        full_name = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        address = f"<path:object_id>/{name.replace('_', '-')}/"
        return path(address, self.admin_site.admin_view(view), name=full_name)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        for tool in self.tools:
            if tool.name == "delete":
                return self.tool_view(request, object_id, tool=tool)
        raise PermissionDenied

    def tool_view(
        self, request: HttpRequest, object_id: str, *, tool: type[Tool[Any]]
    ) -> HttpResponse:
        """GET asks for confirmation, POST calls the service."""
        obj = self.shown_object(request, object_id)
        if not self.may(request, tool.verb, obj):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else None
        form = tool(data, initial=request.GET.dict(), actor=self.actor(request), obj=obj)
        back = self.url("change", obj)
        if form.is_bound and form.accepted():
            return self._done(request, form, back)
        if form.is_bound and tool.is_direct:
            for error in form.non_field_errors():
                self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(back)
        context = {"title": f"{tool.label}: {obj}", "original": obj, "form": form, "back": back}
        return self.page(request, "certmate/tool.html", **context)

    def _done(self, request: HttpRequest, form: Tool[Any], back: str) -> HttpResponse:
        response = form.response()
        if response is not None:
            return response
        self.message_user(request, form.told(), messages.SUCCESS)
        return HttpResponseRedirect(form.next_url() or back)

    def each(
        self, request: HttpRequest, rows: models.QuerySet[M], act: Callable[[M], object], done: str
    ) -> None:
        """Call `act(object)` for each, on its own: one that is refused stops no other.

        Says how many were done and why the rest were not.
        """
        skipped: dict[str, int] = {}
        count = 0
        chosen = list(rows.order_by("pk").values_list("pk", flat=True)[:BULK_LIMIT])
        for obj in self.get_queryset(request).filter(pk__in=chosen):
            try:
                act(obj)
                count += 1
            except ApprovalNeeded:
                skipped[_WAITS] = skipped.get(_WAITS, 0) + 1
            except (CertMateError, ValidationError) as error:
                reason = error.detail if isinstance(error, CertMateError) else str(error.messages)
                skipped[reason] = skipped.get(reason, 0) + 1
        self.message_user(request, _summary(count, done, skipped), _level(count, skipped))


def _summary(count: int, done: str, skipped: dict[str, int]) -> str:
    if not skipped:
        return f"{count} {done}."
    reasons = " ".join(
        f"{reason} ({times} times)" if times > 1 else reason for reason, times in skipped.items()
    )
    return f"{count} {done}, {sum(skipped.values())} skipped: {reasons}"


def _level(count: int, skipped: dict[str, int]) -> int:
    if not skipped:
        return messages.SUCCESS
    return messages.WARNING if count else messages.ERROR
