"""Client certificates: the list, the add pages, and the page of one."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.pki.inspect import whole_octets
from certmate.ui import instants
from certmate.ui.badges import Badge, row
from certmate.ui.base import EmptyState, PolicyChangeList, admin_url
from certmate.ui.facts import FactGroup, Table, link
from certmate.ui.filters import ExpiryFilter, VisibleRelatedFilter
from certmate.ui.forms import ServiceForm
from clients import services, storing
from clients.admin import shown
from clients.admin.details import enrolment_table, fact_groups, version_table
from clients.admin.files import FILE_TOOLS
from clients.admin.filters import ActionFilter, StateFilter, TypeFilter
from clients.admin.tools import CERTIFICATE_TOOLS
from clients.admin.uploads import UploadAdmin
from clients.choices import ClientState
from clients.forms.certificates import ClientSettingsForm, NewClientForm, UploadForm
from clients.models import ClientCertificate, ClientVersion
from providers.models import Authority
from storage.admin.mirrors import mirror_tables

_MOST_EXACT = 50


class ByExpiry(PolicyChangeList):
    """Sorted by expiry, the list follows the index on that and sorts no million rows."""

    def get_ordering(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> list[Any]:
        found = list(super().get_ordering(request, queryset))
        ways = {"expires_at": "pk", "-expires_at": "-pk"}
        first = found[0] if found and isinstance(found[0], str) else ""
        return [first, ways[first]] if first in ways else found


@admin.register(ClientCertificate)
class ClientCertificateAdmin(UploadAdmin[ClientCertificate]):
    nav_group, nav_order, nav_label = "Clients", 1, "Client certificates"
    add_form_class, settings_form_class = NewClientForm, ClientSettingsForm
    add_title = "New client certificate"
    tools = CERTIFICATE_TOOLS
    object_template = "certmate/client.html"
    deferred = (
        *("csr", "subject", "alt_names", "tags", "notes"),
        *("identity__subject", "identity__tags", "identity__notes"),
        *("authority__subject", "authority__name_constraints"),
        *("profile__subject", "profile__alt_names", "profile__key_usage"),
    )

    list_display = ("named", "status", "expires", "holder", "issued_by", "team", "kind")
    list_filter = (
        StateFilter,
        ExpiryFilter,
        ActionFilter,
        ("authority", VisibleRelatedFilter),
        ("team", VisibleRelatedFilter),
        TypeFilter,
    )
    filter_lookups = ("identity",)
    search_fields = ("identifier__begins",)
    search_help_text = "Beginning of the identifier, or a whole serial number or fingerprint."
    ordering = ("identifier",)
    actions = ("renew_selected", "turn_renewal_on", "turn_renewal_off")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ClientCertificate]:
        related = ("identity", "authority", "profile", "storage_target", "team", "created_by")
        rows = super().get_queryset(request)
        return rows.select_related(*related, "current_version__entry__key")

    def list_queryset(
        self, rows: models.QuerySet[ClientCertificate]
    ) -> models.QuerySet[ClientCertificate]:
        related = ("identity", "authority", "profile", "team")
        return rows.select_related(None).select_related(*related)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[ClientCertificate], bool]:
        """By the beginning of the identifier, or by what identifies one version exactly."""
        term = search_term.strip().lower()
        if not term:
            return queryset, False
        text = term.replace(":", "").replace(" ", "")
        same = models.Q(serial__in=(text, whole_octets(text))) | models.Q(fingerprint=text)
        # Fetched first, so that the list is walked by one index and not by two.
        versions = ClientVersion.objects.filter(same).order_by()
        exact = list(versions.values_list("certificate_id", flat=True)[:_MOST_EXACT])
        found = models.Q(identifier__begins=term)
        return queryset.filter(found | models.Q(pk__in=exact) if exact else found), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PolicyChangeList]:
        return ByExpiry

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return EmptyState("No client certificates", "None that you may see.")
        if not self._has_authority(request):
            return EmptyState(
                "No client certificates yet",
                "They are signed by a private authority. Begin with one of your own.",
                admin_url(Authority, "add"),
                "New authority",
            )
        text = "People, devices and services show them to prove who they are."
        return EmptyState(
            "No client certificates yet", text, self.url("add"), "New client certificate"
        )

    def _has_authority(self, request: HttpRequest) -> bool:
        """Whether the user sees one; that there are others is not told."""
        return policy.visible(self.actor(request), Authority.objects.all()).exists()

    @admin.display(description="Certificate", ordering="identifier")
    def named(self, certificate: ClientCertificate) -> SafeString:
        return shown.named(certificate.identifier, certificate.common_name)

    @admin.display(description="Status", ordering="state")
    def status(self, certificate: ClientCertificate) -> SafeString:
        return row(*shown.certificate_badges(certificate, clock.now()))

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, certificate: ClientCertificate) -> SafeString:
        now = clock.now()
        tone = shown.expiry_tone(certificate, now)
        return instants.relative(certificate.expires_at, now, tone=tone)

    @admin.display(description="Identity")
    def holder(self, certificate: ClientCertificate) -> str:
        return str(certificate.identity or "")

    @admin.display(description="Authority", ordering="authority")
    def issued_by(self, certificate: ClientCertificate) -> str:
        return str(certificate.authority or "another CA")

    @admin.display(description="Profile", ordering="certificate_type")
    def kind(self, certificate: ClientCertificate) -> str:
        return str(certificate.profile or certificate.certificate_type)

    def badges(self, obj: ClientCertificate) -> list[Badge]:
        return shown.certificate_badges(obj, clock.now())

    def facts(self, request: HttpRequest, obj: ClientCertificate) -> list[FactGroup]:
        return fact_groups(obj, lambda other: self.linked(request, other))

    def tables(self, request: HttpRequest, obj: ClientCertificate) -> Iterable[Table]:
        yield version_table(obj, may_revoke=self.may(request, Verb.REVOKE, obj))
        yield enrolment_table(obj, self.actor(request))
        yield from mirror_tables(self.actor(request), storing.ref_of(obj))

    def notices(
        self, request: HttpRequest, obj: ClientCertificate | None
    ) -> Iterable[tuple[str, str | SafeString]]:
        if obj is None:
            upload = link(self.url("upload"), "Upload it")
            yield "info", format_html("Was it issued by another CA? {} instead.", upload)
            if not self._has_authority(request):
                add = link(admin_url(Authority, "add"), "Make one")
                yield "warn", format_html("There is no authority that you may use. {} first.", add)
        elif obj.notice_at is not None:
            yield "warn", f"Somebody has to act: {obj.renewal_error}"
        elif obj.state == ClientState.PENDING:
            yield "info", "Nothing is issued before somebody else has approved of the request."

    def add_form(self, request: HttpRequest, data: Any) -> ServiceForm:
        initial = {"identity": request.GET.get("identity", "")[:200]}
        return self.filled(self.add_form_class, request, data, initial=initial)

    def added(self, request: HttpRequest, result: Any) -> HttpResponse:
        """The page of the certificate; of the request, if that waits for approval."""
        certificate, enrolment = result
        if enrolment is not None:
            told = "The request waits until somebody else approves of it."
            self.message_user(request, told, messages.SUCCESS)
            return HttpResponseRedirect(admin_url(enrolment))
        self.message_user(request, f"{certificate} is issued.", messages.SUCCESS)
        return HttpResponseRedirect(self.url("change", certificate))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.upload_view)
        own = path("upload/", view, name="clients_clientcertificate_upload")
        return [own, *super().get_urls()]

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """The other add page: a certificate that another CA has issued."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.filled(UploadForm, request, request.POST if request.method == "POST" else None)
        if form.is_bound and form.accepted():
            self.message_user(request, f"{form.result} is kept.", messages.SUCCESS)
            return HttpResponseRedirect(self.url("change", form.result))
        told = "It is kept and watched for expiry; its CA has to be asked for the next one."
        context = {"title": "Upload a certificate", "form": form, "notices": [("info", told)]}
        return self.page(request, self.upload_template, **context)

    def object_context(
        self, request: HttpRequest, obj: ClientCertificate, form: ServiceForm | None = None
    ) -> dict[str, Any]:
        files = [
            {"tool": tool, "url": self.url(tool.name, obj)}
            for tool in FILE_TOOLS
            if tool.offered(obj) and self.may(request, tool.verb, obj)
        ]
        return super().object_context(request, obj, form) | {"files": files}

    def has_renew_permission(self, request: HttpRequest) -> bool:
        return self.may(request, Verb.RENEW)

    @admin.action(description="Renew", permissions=["renew"])
    def renew_selected(
        self, request: HttpRequest, rows: models.QuerySet[ClientCertificate]
    ) -> None:
        actor = self.actor(request)
        self.each(
            request,
            rows,
            lambda one: services.renew_client_certificate(actor=actor, certificate=one),
            "renewed",
        )

    @admin.action(description="Turn automatic renewal on", permissions=["change"])
    def turn_renewal_on(
        self, request: HttpRequest, rows: models.QuerySet[ClientCertificate]
    ) -> None:
        self._set_renewal(request, rows, enabled=True)

    @admin.action(description="Turn automatic renewal off", permissions=["change"])
    def turn_renewal_off(
        self, request: HttpRequest, rows: models.QuerySet[ClientCertificate]
    ) -> None:
        self._set_renewal(request, rows, enabled=False)

    def _set_renewal(
        self, request: HttpRequest, rows: models.QuerySet[ClientCertificate], *, enabled: bool
    ) -> None:
        actor = self.actor(request)
        self.each(
            request,
            rows,
            lambda one: services.update_client_certificate(
                actor=actor, certificate=one, auto_renew=enabled
            ),
            f"now {'renewed automatically' if enabled else 'renewed by hand only'}",
        )
