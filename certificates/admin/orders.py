"""Orders: the list, and the page on which one can be watched."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certificates.admin import shown
from certificates.admin.details import terms
from certificates.admin.filters import EndedFilter, ProgressFilter
from certificates.admin.progress import log_lines, steps
from certificates.admin.tools import ORDER_TOOLS
from certificates.choices import OrderKind
from certificates.models import Certificate, Order
from certificates.remedies import remedy
from certmate.core import clock
from certmate.pki import keys
from certmate.ui import instants
from certmate.ui.badges import Badge
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.facts import Fact, FactGroup, code, lines
from certmate.ui.forms import ServiceForm
from certmate.ui.objects import ServiceAdmin


@admin.register(Order)
class OrderAdmin(ServiceAdmin[Order]):
    """Orders are placed on certificates; here they are read, retried and cancelled."""

    nav_group, nav_order = "Certificates", 2
    tools = ORDER_TOOLS
    object_template = "certmate/order.html"
    deferred = ("csr", "certificate__csr", "error_identifiers")

    list_display = ("named", "status", "error", "placed", "ended", "requested_by")
    list_filter = (ProgressFilter, "state", "kind", EndedFilter)
    search_fields = ("certificate__name__startswith",)
    search_help_text = "Beginning of the certificate's name."
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Order]:
        related = ("certificate", "ca_account", "authority", "profile", "dns_account", "version")
        rows = super().get_queryset(request).select_related(*related, "requested_by")
        return rows.prefetch_related("proofs__dns_account")

    def list_queryset(self, rows: models.QuerySet[Order]) -> models.QuerySet[Order]:
        rows = rows.select_related(None).prefetch_related(None)
        return rows.select_related("certificate", "requested_by")

    def audited(self, obj: Order) -> Certificate:
        return obj.certificate

    def empty_state(self, request: HttpRequest) -> EmptyState:
        text = "An order is placed when a certificate is issued, renewed, reissued or revoked."
        return EmptyState(
            "No orders yet", text, admin_url(Certificate, "changelist"), "Certificates"
        )

    @admin.display(description="Order", ordering="-id")
    def named(self, order: Order) -> SafeString:
        return format_html(
            '<span class="name">{}</span><span class="sans">{} {}</span>',
            order.certificate.name,
            order.get_kind_display(),
            order.pk,
        )

    @admin.display(description="State", ordering="state")
    def status(self, order: Order) -> Badge:
        return shown.order_badge(order.state)

    @admin.display(description="Error")
    def error(self, order: Order) -> SafeString | str:
        if not order.error_code:
            return ""
        return format_html('<code title="{}">{}</code>', order.error_detail, order.error_code)

    @admin.display(description="Placed")
    def placed(self, order: Order) -> SafeString:
        return instants.relative(order.created_at, clock.now())

    @admin.display(description="Ended or next attempt")
    def ended(self, order: Order) -> SafeString:
        at = order.next_attempt_at if order.is_open else order.finished_at
        return instants.relative(at, clock.now())

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        name = "certificates_order_progress"
        return [path("<int:order_id>/progress/", view, name=name), *super().get_urls()]

    def object_context(
        self, request: HttpRequest, obj: Order, form: ServiceForm | None = None
    ) -> dict[str, Any]:
        context = super().object_context(request, obj, form) | self._progress(request, obj)
        context["title"] = f"Order {obj.pk}: {shown.order_title(obj)}"
        context["log"] = log_lines(obj)
        context["certificate_url"] = admin_url(obj.certificate)
        return context

    def progress_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """The state of the order and the log lines since `?after=`, for the script of its page."""
        order = self.shown_object(request, str(order_id))
        after = request.GET.get("after", "")
        news = log_lines(order, int(after) if after.isascii() and after.isdigit() else 0)
        context = self._progress(request, order) | {"buttons": self.buttons(request, order)}
        return JsonResponse(
            {
                "open": order.is_open,
                "status": render_to_string("certmate/order_status.html", context, request),
                "log": render_to_string("certmate/order_log.html", {"log": news}, request),
            }
        )

    def _progress(self, request: HttpRequest, order: Order) -> dict[str, Any]:
        """What changes while an order is carried out."""
        now = clock.now()
        return {
            "order": order,
            "steps": steps(order),
            "badge": shown.order_badge(order.state),
            "attempt": order.attempts + 1 if order.is_open else order.attempts,
            "next_attempt": instants.relative(order.next_attempt_at, now),
            "waits": order.is_open and order.next_attempt_at > now,
            "remedy": remedy(order.error_code),
            "words": shown.words(order.error_identifiers) if order.error_identifiers else "",
        }

    def facts(self, request: HttpRequest, obj: Order) -> list[FactGroup]:
        def linked(other: models.Model) -> SafeString | str:
            return self.linked(request, other)

        asked = [
            Fact("Certificate", linked(obj.certificate)),
            Fact("Kind", obj.get_kind_display()),
            Fact("Names", lines(obj.names)),
            Fact("Issued by", linked(obj.issued_by)),
        ]
        if obj.kind == OrderKind.REVOKE:
            asked += [Fact("Version", obj.version), Fact("Reason", obj.get_reason_display())]
        else:
            asked += [
                *terms(obj, linked),
                Fact("Key", "from the CSR" if obj.csr else keys.label(obj.key_type)),
            ]
        return [FactGroup("Order", asked), _history(obj)]


def _history(order: Order) -> FactGroup:
    return FactGroup(
        "History",
        (
            Fact("Placed", instants.absolute(order.created_at)),
            Fact("By", order.requested_by or "CertMate"),
            Fact("Ended", instants.absolute(order.finished_at)),
            Fact("Request id", code(order.request_id)),
            Fact("Order at the CA", code(order.acme_order_url)),
        ),
    )
