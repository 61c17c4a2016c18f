"""Work on a target in the admin: the list with how far each is, and the page that watches one."""

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

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
from certmate.ui.facts import Fact, FactGroup, Table
from certmate.ui.forms import ServiceForm
from certmate.ui.objects import ServiceAdmin
from certmate.ui.tools import Tool
from storage.choices import OPEN_WORK, TONES, WorkState
from storage.models import StorageWork

FAILED_SHOWN = 100

W = TypeVar("W", bound=StorageWork)


class CancelTool(Tool[W]):
    """Offered while there is something to cancel."""

    name, verb, is_dangerous = "cancel", Verb.CHANGE, True

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, StorageWork) and obj.state in OPEN_WORK


class WorkAdmin(ServiceAdmin[W]):
    """`related` is what rows need to be shown, `counted` what the page counts beside the failed:
    the field and what it is called.
    """

    object_template = "certmate/progress.html"
    deferred = ("error_detail",)
    list_filter = ("state",)
    ordering = ("-id",)

    related: ClassVar[tuple[str, ...]] = ()
    counted: ClassVar[tuple[tuple[str, str], ...]] = ()

    class Media:
        css = {"all": ("certmate/clients.css",)}

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[W]:
        return super().get_queryset(request).select_related(*self.related, "requested_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """It begins on the page of its target."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Number", ordering="-id")
    def named(self, work: W) -> str:
        return str(work)

    @admin.display(description="State", ordering="state")
    def status(self, work: W) -> Badge:
        return _badge(work)

    @admin.display(description="Progress")
    def progress(self, work: Any) -> SafeString:
        label = f"{work.done} of {work.total}"
        bar = '<progress max="{}" value="{}" aria-label="{}"></progress> {}'
        return format_html(bar, work.total or 1, work.done, label, label)

    @admin.display(description="Asked for")
    def asked(self, work: W) -> SafeString:
        return instants.relative(work.created_at, clock.now())

    def notices(self, request: HttpRequest, obj: W | None) -> Iterable[tuple[str, str]]:
        if obj is not None and obj.error_code and self.may(request, Verb.CHANGE, obj):
            waits = obj.state == WorkState.QUEUED
            yield "warn" if waits else "bad", f"{obj.error_detail} ({obj.error_code})"
        if obj is not None and obj.state == WorkState.INCOMPLETE:
            yield "warn", self.incomplete(obj)

    def incomplete(self, work: W) -> str:
        """What to do about work that was done in part."""
        raise NotImplementedError

    def history(self, work: W) -> FactGroup:
        facts = (
            Fact("Asked for", instants.absolute(work.created_at)),
            Fact("By", work.requested_by or "CertMate"),
            Fact("Begun", instants.absolute(work.started_at)),
            Fact("Ended", instants.absolute(work.finished_at)),
        )
        return FactGroup("History", facts)

    def tables(self, request: HttpRequest, obj: Any) -> Iterable[Table]:
        # Names of bundles are names of certificates, which not all who see the target may see.
        if obj.failed and self.may(request, Verb.CHANGE, obj):
            found = obj.items.filter(state="failed")
            rows = [(str(one), one.error_code, one.error_detail) for one in found[:FAILED_SHOWN]]
            yield Table("Failed bundles", ("Bundle", "Code", "Reason"), rows)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        own = path("<int:work_id>/progress/", view, name=self._progress_name())
        return [own, *super().get_urls()]

    def progress_view(self, request: HttpRequest, work_id: int) -> HttpResponse:
        """How far the work is, for the script of its page."""
        context = self._progress(self.shown_object(request, str(work_id)))
        status = render_to_string(context["status_template"], context, request)
        return JsonResponse({"open": context["is_open"], "status": status})

    def object_context(
        self, request: HttpRequest, obj: W, form: ServiceForm | None = None
    ) -> dict[str, Any]:
        return super().object_context(request, obj, form) | self._progress(obj)

    def _progress(self, work: W) -> dict[str, Any]:
        """What changes while the work is carried out."""
        return {
            "work": work,
            "counts": [(label, getattr(work, field)) for field, label in self.counted],
            "is_open": work.state in OPEN_WORK,
            "badge": _badge(work),
            "progress_url": reverse(f"admin:{self._progress_name()}", args=[work.pk]),
            "status_template": "certmate/storage_work_status.html",
        }

    def _progress_name(self) -> str:
        return f"storage_{self.opts.model_name}_progress"


def _badge(work: StorageWork) -> Badge:
    return Badge(work.get_state_display(), TONES[work.state])
