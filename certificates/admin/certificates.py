"""Certificates: the list, the add page, and the page of one."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certificates import services
from certificates.admin import shown
from certificates.admin.details import fact_groups, order_table, version_table
from certificates.admin.filters import AuthorityFilter, PausedFilter
from certificates.admin.tools import CERTIFICATE_TOOLS
from certificates.forms import CertificateSettingsForm, NewCertificateForm
from certificates.models import Certificate, Order, Version
from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.pki.inspect import whole_octets
from certmate.ui import instants
from certmate.ui.badges import Badge, row
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.facts import FactGroup, Table, link
from certmate.ui.filters import ExpiryFilter, VisibleRelatedFilter
from certmate.ui.objects import ServiceAdmin
from providers.models import Authority, CAAccount
from storage.admin.mirrors import mirror_tables
from storage.backends.base import BundleRef


@admin.register(Certificate)
class CertificateAdmin(ServiceAdmin[Certificate]):
    nav_group, nav_order = "Certificates", 1
    add_form_class, settings_form_class = NewCertificateForm, CertificateSettingsForm
    add_title = "New certificate"
    tools = CERTIFICATE_TOOLS
    deferred = (
        "csr",
        "ca_account__account_key",
        "ca_account__eab",
        "ca_account__trust_bundle",
        "storage_target__parameters",
    )

    list_display = (
        *("named", "status", "expires", "team", "issued_by", "storage_target", "last_order"),
    )
    list_filter = (
        "state",
        ExpiryFilter,
        ("team", VisibleRelatedFilter),
        ("ca_account", VisibleRelatedFilter),
        ("authority", AuthorityFilter),
        "auto_renew",
        PausedFilter,
    )
    search_fields = ("name__begins",)
    search_help_text = "Beginning of the name, or a whole serial number or fingerprint."
    ordering = ("name",)
    actions = ("renew_selected", "turn_renewal_on", "turn_renewal_off")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Certificate]:
        related = ("ca_account", "authority", "profile", "dns_account", "storage_target", "team")
        rows = super().get_queryset(request)
        return rows.select_related(*related, "current_version", "created_by")

    def list_queryset(self, rows: models.QuerySet[Certificate]) -> models.QuerySet[Certificate]:
        orders = Order.objects.filter(certificate=OuterRef("pk")).order_by("-id")
        related = ("team", "ca_account", "authority", "storage_target")
        rows = rows.select_related(None).select_related(*related)
        return rows.annotate(
            last_order_id=Subquery(orders.values("pk")[:1]),
            last_order_state=Subquery(orders.values("state")[:1]),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Certificate], bool]:
        """By the beginning of the name, or by what identifies one version exactly."""
        term = search_term.strip().lower()
        if not term:
            return queryset, False
        exact = term.replace(":", "").replace(" ", "")
        versions = Version.objects.filter(
            models.Q(serial__in=(exact, whole_octets(exact))) | models.Q(fingerprint=exact)
        )
        found = models.Q(name__begins=term) | models.Q(pk__in=versions.values("certificate"))
        return queryset.filter(found), False

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return EmptyState("No certificates", "None that you may see.")
        if not self._has_issuer(request):
            return EmptyState(
                "No certificates yet",
                "Certificates come from a CA or a private authority. Begin with an account at one.",
                admin_url(CAAccount, "add"),
                "Add a CA account",
            )
        text = "Name what you want to keep valid; CertMate gets it issued and renews it."
        return EmptyState("No certificates yet", text, self.url("add"), "New certificate")

    def _has_issuer(self, request: HttpRequest) -> bool:
        """Whether the user sees one; that there are others is not told."""
        actor = self.actor(request)
        return any(
            policy.visible(actor, model._default_manager.all()).exists()
            for model in (CAAccount, Authority)
        )

    @admin.display(description="Certificate", ordering="name")
    def named(self, certificate: Certificate) -> SafeString:
        return shown.name_and_sans(certificate)

    @admin.display(description="Status", ordering="state")
    def status(self, certificate: Certificate) -> SafeString:
        return row(*shown.certificate_badges(certificate, clock.now()))

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, certificate: Certificate) -> SafeString:
        now = clock.now()
        return instants.relative(
            certificate.expires_at, now, tone=shown.expiry_tone(certificate, now)
        )

    @admin.display(description="Issued by", ordering="ca_account")
    def issued_by(self, certificate: Certificate) -> str:
        return str(certificate.issued_by)

    @admin.display(description="Last order")
    def last_order(self, certificate: Certificate) -> SafeString | str:
        state = getattr(certificate, "last_order_state", None)
        if state is None:
            return ""
        url = admin_url(Order(pk=certificate.last_order_id))  # type: ignore[attr-defined]
        return format_html(
            '<a class="plain" href="{}">{}</a>', url, shown.order_badge(state, quiet=True)
        )

    def badges(self, obj: Certificate) -> list[Badge]:
        return shown.certificate_badges(obj, clock.now())

    def facts(self, request: HttpRequest, obj: Certificate) -> list[FactGroup]:
        return fact_groups(obj, lambda other: self.linked(request, other))

    def tables(self, request: HttpRequest, obj: Certificate) -> Iterable[Table]:
        may_activate = self.may(request, Verb.CHANGE, obj)
        may_revoke = self.may(request, Verb.REVOKE, obj)
        yield version_table(obj, may_activate=may_activate, may_revoke=may_revoke)
        yield order_table(obj)
        yield from mirror_tables(self.actor(request), BundleRef("server", obj.name))

    def notices(
        self, request: HttpRequest, obj: Certificate | None
    ) -> Iterable[tuple[str, str | SafeString]]:
        if obj is None:
            if not self._has_issuer(request):
                add = link(admin_url(CAAccount, "add"), "Add one")
                told = "There is no CA account and no authority that you may use. {} first."
                yield "warn", format_html(told, add)
            return
        if obj.paused_at is not None:
            yield "warn", f"Paused since {instants.absolute(obj.paused_at)}: {obj.pause_reason}"
        open_order = obj.orders.open().first()
        if open_order is not None:
            to_order = link(admin_url(open_order), f"Order {open_order.pk}")
            kind = open_order.get_kind_display().lower()
            yield "info", format_html("{} ({}) is under way.", to_order, kind)

    def added(self, request: HttpRequest, result: Any) -> HttpResponse:
        """The page of the order, where the issuance can be watched."""
        certificate, order = result
        self.message_user(request, f"{certificate.name} is taken up.", messages.SUCCESS)
        return HttpResponseRedirect(admin_url(order))

    def has_renew_permission(self, request: HttpRequest) -> bool:
        return self.may(request, Verb.RENEW)

    @admin.action(description="Renew", permissions=["renew"])
    def renew_selected(self, request: HttpRequest, rows: models.QuerySet[Certificate]) -> None:
        actor = self.actor(request)
        self.each(
            request,
            rows,
            lambda certificate: services.renew_certificate(actor=actor, certificate=certificate),
            "queued for renewal",
        )

    @admin.action(description="Turn automatic renewal on", permissions=["change"])
    def turn_renewal_on(self, request: HttpRequest, rows: models.QuerySet[Certificate]) -> None:
        self._set_renewal(request, rows, enabled=True)

    @admin.action(description="Turn automatic renewal off", permissions=["change"])
    def turn_renewal_off(self, request: HttpRequest, rows: models.QuerySet[Certificate]) -> None:
        self._set_renewal(request, rows, enabled=False)

    def _set_renewal(
        self, request: HttpRequest, rows: models.QuerySet[Certificate], *, enabled: bool
    ) -> None:
        actor = self.actor(request)
        self.each(
            request,
            rows,
            lambda certificate: services.set_auto_renew(
                actor=actor, certificate=certificate, enabled=enabled
            ),
            f"now {'renewed automatically' if enabled else 'renewed by hand only'}",
        )
