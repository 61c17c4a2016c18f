"""Batches: the list with how far each is, the page that takes a file, and the page that watches."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import models
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.ui import instants
from certmate.ui.badges import Badge
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.facts import Fact, FactGroup, Table, code, link
from certmate.ui.filters import VisibleRelatedFilter
from certmate.ui.forms import PasswordAgain, ServiceForm
from certmate.ui.tools import Tool
from clients import services
from clients.admin import shown
from clients.admin.filters import BatchProgressFilter
from clients.admin.uploads import UploadAdmin
from clients.choices import OPEN_BATCHES, BatchState, RowState
from clients.forms.batches import NewBatchForm
from clients.models import Batch, BatchRow, ClientCertificate
from clients.services.rows import COLUMNS

FAILED_SHOWN = 100
ISSUED_SHOWN = 20
_NO_REQUEST = "-"


class Cancel(Tool[Batch]):
    name, label, verb, is_dangerous = "cancel", "Cancel batch", Verb.CHANGE, True
    explanation = (
        "No further row is issued. What has been issued stays, and a worker that is at it stops "
        "within seconds."
    )

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Batch) and obj.state in OPEN_BATCHES

    def carry_out(self) -> Batch:
        return services.cancel_batch(actor=self.actor, batch=self.obj)

    def told(self) -> str:
        return "The batch is cancelled."


class _Archive(Tool[Batch]):
    """One ZIP file, sent while it is made: a hundred thousand certificates fit in no memory."""

    has_key: ClassVar[bool] = False

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, Batch) and obj.issued + obj.repeated > 0

    def carry_out(self) -> Iterator[bytes]:
        parts = services.stream_batch(
            actor=self.actor, batch=self.obj, include_private=self.has_key
        )
        # A refusal is told here, on the page, and not in the middle of a file.
        return chain([next(parts)], parts)

    def response(self) -> HttpResponse:
        ending = "-with-keys" if self.has_key else ""
        # Django answers with either.
        return StreamingHttpResponse(  # type: ignore[return-value]
            self.result,
            content_type="application/zip",
            headers={
                "Content-Disposition": f'attachment; filename="batch-{self.obj.pk}{ending}.zip"',
                "Cache-Control": "no-store",
            },
        )


class DownloadZIP(_Archive):
    name, label, verb, is_direct = "download", "Download (.zip)", Verb.DOWNLOAD, True
    explanation = "All certificates and a report of the rows. No private keys."


class ExportZIP(PasswordAgain, _Archive):
    name, label, verb, has_key = "export_key", "Export keys (.zip)", Verb.EXPORT_KEY, True
    explanation = (
        "A ZIP file with all certificates and their private keys, which are not encrypted. "
        "Whoever has the file can pose as each holder. The audit log says that you took it."
    )
    submit_label = "Download with private keys"


@admin.register(Batch)
class BatchAdmin(UploadAdmin[Batch]):
    nav_group, nav_order = "Clients", 4
    add_form_class, add_title = NewBatchForm, "New batch"
    tools = (DownloadZIP, ExportZIP, Cancel)
    object_template = "certmate/progress.html"
    upload_template = "certmate/batch_add.html"
    deferred = ("tags", "error_detail", "authority__subject", "authority__name_constraints")

    list_display = ("named", "status", "progress", "failures", "authority", "requested_by", "asked")
    list_filter = (BatchProgressFilter, "state", ("authority", VisibleRelatedFilter))
    ordering = ("-id",)

    class Media:
        css = {"all": ("certmate/clients.css",)}

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Batch]:
        related = ("authority", "profile", "storage_target", "team", "requested_by")
        return super().get_queryset(request).select_related(*related)

    def list_queryset(self, rows: models.QuerySet[Batch]) -> models.QuerySet[Batch]:
        return rows.select_related(None).select_related("authority", "requested_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Asking for many certificates is asking for certificates."""
        return policy.possible(self.actor(request), Verb.REQUEST, ClientCertificate)

    def may(self, request: HttpRequest, verb: Verb, obj: models.Model | None = None) -> bool:
        """Whoever asked for a batch may cancel it; who may have its certificates, file by file,
        may have them in one.
        """
        actor = self.actor(request)
        if isinstance(obj, Batch) and verb == Verb.CHANGE and _is_own(actor, obj):
            return True
        if isinstance(obj, Batch) and verb in (Verb.DOWNLOAD, Verb.EXPORT_KEY):
            is_shown = super().may(request, Verb.VIEW, obj)
            return is_shown and policy.possible(actor, verb, ClientCertificate)
        return super().may(request, verb, obj)

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return super().empty_state(request)
        text = "A file with a row for each certificate; they are issued in the background."
        return EmptyState("No batches yet", text, self.url("add"), "New batch")

    @admin.display(description="Batch", ordering="-id")
    def named(self, batch: Batch) -> SafeString:
        return shown.named(str(batch), f"{batch.total} rows")

    @admin.display(description="State", ordering="state")
    def status(self, batch: Batch) -> Badge:
        return shown.batch_badge(batch.state)

    @admin.display(description="Progress")
    def progress(self, batch: Batch) -> SafeString:
        label = f"{batch.done} of {batch.total}"
        bar = '<progress max="{}" value="{}" aria-label="{}"></progress> {}'
        return format_html(bar, batch.total or 1, batch.done, label, label)

    @admin.display(description="Failed")
    def failures(self, batch: Batch) -> Badge | str:
        return Badge(str(batch.failed), "bad") if batch.failed else ""

    @admin.display(description="Asked for")
    def asked(self, batch: Batch) -> SafeString:
        return instants.relative(batch.created_at, clock.now())

    def notices(self, request: HttpRequest, obj: Batch | None) -> Iterable[tuple[str, str]]:
        if obj is not None and obj.error_code:
            yield "bad", f"{obj.error_detail} ({obj.error_code})"

    def facts(self, request: HttpRequest, obj: Batch) -> list[FactGroup]:
        def linked(other: models.Model | None) -> Any:
            return self.linked(request, other) if other else "none"

        alike = (
            Fact("Authority", linked(obj.authority)),
            Fact("Profile", linked(obj.profile)),
            Fact("Stored at", linked(obj.storage_target)),
            Fact("Team", linked(obj.team)),
            Fact("Renewal", "automatic" if obj.auto_renew else "by hand"),
            Fact("Tags", ", ".join(obj.tags)),
        )
        history = (
            Fact("Asked for", instants.absolute(obj.created_at)),
            Fact("By", obj.requested_by or "CertMate"),
            Fact("Begun", instants.absolute(obj.started_at)),
            Fact("Ended", instants.absolute(obj.finished_at)),
            *([] if obj.request_id == _NO_REQUEST else [Fact("Request id", code(obj.request_id))]),
        )
        return [FactGroup("All rows", alike), FactGroup("History", history)]

    def tables(self, request: HttpRequest, obj: Batch) -> Iterable[Table]:
        if obj.failed:
            yield _failed(obj)
        if obj.issued or obj.repeated:
            yield _issued(obj, self.actor(request))

    def added(self, request: HttpRequest, result: Any) -> HttpResponse:
        self.message_user(request, f"{result} is in the queue.", messages.SUCCESS)
        return HttpResponseRedirect(self.url("change", result))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"columns": COLUMNS, **(extra_context or {})}
        return super().add_view(request, form_url, context)

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        form = context.get("form")
        if isinstance(form, NewBatchForm) and form.refused is not None:
            context["refused"] = _refused(form)
        return super().page(request, template, **context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        own = path("<int:batch_id>/progress/", view, name="clients_batch_progress")
        return [own, *super().get_urls()]

    def progress_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """How far the batch is, for the script of its page."""
        batch = self.shown_object(request, str(batch_id))
        context = _progress(batch)
        status = render_to_string(context["status_template"], context, request)
        return JsonResponse({"open": context["is_open"], "status": status})

    def object_context(
        self, request: HttpRequest, obj: Batch, form: ServiceForm | None = None
    ) -> dict[str, Any]:
        return super().object_context(request, obj, form) | _progress(obj)


def _is_own(actor: Actor, batch: Batch) -> bool:
    return actor.user is not None and batch.requested_by_id == actor.user.pk


def _is_open(batch: Batch) -> bool:
    return batch.state in (*OPEN_BATCHES, BatchState.LOADING)


def _progress(batch: Batch) -> dict[str, Any]:
    """What changes while a batch is carried out."""
    return {
        "batch": batch,
        "is_open": _is_open(batch),
        "progress_url": reverse("admin:clients_batch_progress", args=[batch.pk]),
        "status_template": "certmate/batch_status.html",
        "badge": shown.batch_badge(batch.state),
        "left": max(batch.total - batch.done, 0),
    }


def _failed(batch: Batch) -> Table:
    found = batch.rows.filter(state=RowState.FAILED).defer("wish")[:FAILED_SHOWN]
    rows = [(row.number, row.identifier, row.error_field, _reason(row)) for row in found]
    headers = ("Row", "Certificate", "Field", "Reason")
    return Table(_title("Failed rows", batch.failed, FAILED_SHOWN), headers, rows)


def _reason(row: BatchRow) -> SafeString:
    return format_html(
        '{}<span class="sans"><code>{}</code></span>', row.error_detail, row.error_code
    )


def _issued(batch: Batch, actor: Actor) -> Table:
    """The first certificates that came of it, as links to those that the actor may see."""
    states = (RowState.ISSUED, RowState.REPEATED)
    found = list(batch.rows.filter(state__in=states).defer("wish")[:ISSUED_SHOWN])
    certificates = ClientCertificate.objects.filter(pk__in=[row.certificate_id for row in found])
    seen = {one.pk: one for one in policy.visible(actor, certificates.only("identifier"))}

    def certificate(row: BatchRow) -> SafeString | str:
        one = seen.get(row.certificate_id or 0)
        return link(admin_url(one), one.identifier) if one else row.identifier

    rows = [(row.number, certificate(row), shown.row_badge(row.state)) for row in found]
    count = batch.issued + batch.repeated
    title = _title("Certificates", count, ISSUED_SHOWN)
    return Table(title, ("Row", "Certificate", "State"), rows, empty="None yet.")


def _title(title: str, count: int, most: int) -> str:
    return f"{title}: the first {most} of {count}" if count > most else title


def _refused(form: NewBatchForm) -> Table:
    """What is wrong with which row of the file."""
    error = form.refused
    assert error is not None  # noqa: S101 - The caller has looked.
    rows = [(number, field, message) for number, (field, message) in sorted(error.rows.items())]
    title = _title("Rows to mend", error.count, len(rows))
    return Table(title, ("Row", "Field", "What is wrong"), rows)
