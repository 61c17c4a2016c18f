"""Private authorities: the list, the page that makes one, and the page of one."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certmate.core import clock
from certmate.ui import instants
from certmate.ui.badges import Badge, row
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.facts import FactGroup, Table, link
from certmate.ui.filters import VisibleRelatedFilter
from certmate.ui.forms import ServiceForm
from certmate.ui.objects import ServiceAdmin
from providers.admin import authority_details as details
from providers.admin.authority_tools import AUTHORITY_TOOLS, waiting_key
from providers.admin.family import picture, with_keys
from providers.choices import TONES, AuthorityState
from providers.forms.authorities import (
    AuthoritySettingsForm,
    ImportAuthorityForm,
    NewAuthorityForm,
)
from providers.models import Authority, LedgerEntry


@admin.register(Authority)
class AuthorityAdmin(ServiceAdmin[Authority]):
    nav_group, nav_order = "Private CA", 1
    add_form_class, settings_form_class = NewAuthorityForm, AuthoritySettingsForm
    add_title = "New authority"
    object_template = "certmate/authority.html"
    tools = AUTHORITY_TOOLS
    deferred = ("name_constraints",)

    list_display = ("name", "kind", "parent", "expires", "key", "status", "team")
    list_filter = ("kind", ("team", VisibleRelatedFilter))
    search_fields = ("name__startswith",)
    search_help_text = "Beginning of the name."
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Authority]:
        return super().get_queryset(request).select_related("team", "parent")

    def list_queryset(self, rows: models.QuerySet[Authority]) -> models.QuerySet[Authority]:
        return with_keys(rows)

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return super().empty_state(request)
        text = (
            "A CA of your own signs client, device and internal server certificates. Begin with a "
            "root, then make an intermediate that does the daily work."
        )
        return EmptyState("No authorities yet", text, self.url("add"), "New authority")

    @admin.display(description="Expires")
    def expires(self, authority: Authority) -> SafeString:
        key, now = authority.signing_key(), clock.now()
        tone = "bad" if authority.state(now) == AuthorityState.EXPIRED else ""
        return instants.relative(key.not_after if key else None, now, tone=tone)

    @admin.display(description="Key", ordering="key_type")
    def key(self, authority: Authority) -> str:
        return f"{authority.get_key_type_display()}, {authority.custody_entry.label.lower()}"

    @admin.display(description="Status")
    def status(self, authority: Authority) -> SafeString:
        return row(*self.badges(authority))

    def badges(self, obj: Authority) -> Iterable[Badge]:
        state = obj.state(clock.now())
        yield Badge(str(state.label), TONES[state])
        if obj.is_default:
            yield Badge("Default", "info", "It signs where no authority is named.")
        if obj.is_offline:
            yield Badge("Passphrase", "mute", "It signs CAs and CRLs only, and asks each time.")

    def facts(self, request: HttpRequest, obj: Authority) -> list[FactGroup]:
        return details.fact_groups(obj, lambda other: self.linked(request, other))

    def tables(self, request: HttpRequest, obj: Authority) -> Iterable[Table]:
        yield details.key_table(obj)
        yield details.crl_table(obj)

    def links(self, request: HttpRequest, obj: Authority) -> Iterable[tuple[str, str]]:
        yield "Ledger", admin_url(LedgerEntry, "changelist", authority=str(obj.pk))
        yield from super().links(request, obj)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.import_view)
        return [path("import/", view, name="providers_authority_import"), *super().get_urls()]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """The page that takes over a CA that was made elsewhere."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else None
        form = ImportAuthorityForm(data, actor=self.actor(request))
        if form.is_bound and form.accepted():
            return self.added(request, form.result)
        return self.page(request, "certmate/add.html", title="Import authority", form=form)

    def notices(self, request: HttpRequest, obj: Authority | None) -> Iterable[tuple[str, str]]:
        if obj is None:
            here = link(self.url("import"), "import it")
            yield "info", format_html("If the CA exists already, {} with its key.", here)
        if obj is not None and waiting_key(obj) is not None:
            text = "A key waits for its certificate. Give its CSR to the CA above, then install "
            yield "warn", f"{text}what that has signed."

    def object_context(
        self, request: HttpRequest, obj: Authority, form: ServiceForm | None = None
    ) -> dict[str, Any]:
        context = super().object_context(request, obj, form)
        return context | {"picture": picture(self.actor(request), obj)}
