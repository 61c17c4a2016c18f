"""DNS accounts: the list, the two steps of adding one, and the page of one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString

from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.ui import instants
from certmate.ui.badges import Badge, row
from certmate.ui.base import EmptyState
from certmate.ui.catalogue import CatalogueAdmin, Kind
from certmate.ui.facts import Fact, FactGroup, lines, link
from certmate.ui.tools import DeleteTool, Tool
from providers.dns.catalogue import CATALOGUE, WELL_KNOWN
from providers.dns.installed import is_installed
from providers.dns.provider import DNSProvider
from providers.forms.accounts import DNSSettingsForm, NewDNSAccountForm
from providers.models import DNSAccount
from providers.services import delete_dns_account, verify_dns_account

ZONES_SHOWN = 3


class Verify(Tool[DNSAccount]):
    name, label, verb = "verify", "Verify now", Verb.CHANGE
    is_direct = is_primary = True
    explanation = "Writes a record, sees it on the zone's name servers, and removes it."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return bool(obj.served)  # type: ignore[attr-defined]

    def carry_out(self) -> DNSAccount:
        return verify_dns_account(actor=self.actor, account=self.obj)

    def told(self) -> str:
        return f"{self.obj.name} works: a record was written, seen and removed."


class DeleteDNSAccount(DeleteTool[DNSAccount]):
    explanation = "CertMate forgets the credentials."

    def carry_out(self) -> None:
        delete_dns_account(actor=self.actor, account=self.obj)


@admin.register(DNSAccount)
class DNSAccountAdmin(CatalogueAdmin[DNSAccount]):
    nav_group, nav_order = "Accounts", 2
    add_form_class, settings_form_class = NewDNSAccountForm, DNSSettingsForm
    tools = (Verify, DeleteDNSAccount)
    choose_title = "Who serves the DNS zones?"
    deferred = ("credentials",)

    list_display = ("name", "kind", "zone_names", "verified", "status")
    list_filter = ("provider",)
    search_fields = ("name__startswith",)
    search_help_text = "Beginning of the name."

    def kinds(self) -> Sequence[Kind]:
        known = {slug: CATALOGUE[slug] for slug in WELL_KNOWN}
        return [
            Kind(slug, entry.label, _about(entry), entry.docs_url, slug in known)
            for slug, entry in (known | CATALOGUE).items()
        ]

    def form_for(
        self, slug: str, data: Mapping[str, Any] | None, request: HttpRequest
    ) -> NewDNSAccountForm:
        return NewDNSAccountForm(data, entry=CATALOGUE[slug], actor=self.actor(request))

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return super().empty_state(request)
        text = "Wildcards and names that the CA cannot reach are proved through DNS."
        return EmptyState("No DNS account yet", text, self.url("add"), "Add a DNS account")

    @admin.display(description="Provider", ordering="provider")
    def kind(self, account: DNSAccount) -> str:
        return account.get_provider_display()

    @admin.display(description="Zones")
    def zone_names(self, account: DNSAccount) -> str:
        more = len(account.zones) - ZONES_SHOWN
        shown = ", ".join(account.zones[:ZONES_SHOWN])
        return f"{shown} and {more} more" if more > 0 else shown

    @admin.display(description="Verified", ordering="verified_at")
    def verified(self, account: DNSAccount) -> SafeString:
        return instants.relative(account.verified_at, clock.now())

    @admin.display(description="")
    def status(self, account: DNSAccount) -> SafeString:
        return row(*self.badges(account))

    def badges(self, obj: DNSAccount) -> Iterable[Badge]:
        if obj.is_default:
            yield Badge("Default", "info", "Of the accounts at this provider.")
        if obj.verification_error:
            yield Badge("Failing", "bad", obj.verification_error)

    def notices(self, request: HttpRequest, obj: DNSAccount | None) -> Iterable[tuple[str, str]]:
        if obj is None:
            return
        if obj.verification_error:
            yield "bad", f"The last verification failed: {obj.verification_error}"
        if not is_installed(obj.catalogue_entry.package):
            yield "bad", f"Its plugin is not installed: {obj.catalogue_entry.install}"

    def facts(self, request: HttpRequest, obj: DNSAccount) -> list[FactGroup]:
        entry = obj.catalogue_entry
        shown = obj.masked_credentials()
        wait = "seconds" if obj.propagation_seconds is not None else "seconds, as usual for it"
        seconds = obj.propagation_seconds
        seconds = entry.propagation_seconds if seconds is None else seconds
        verified = instants.relative(obj.verified_at, clock.now()) if obj.verified_at else "never"
        account = (
            Fact("Provider", entry.label),
            Fact("Zones", lines(obj.zones) if obj.zones else ""),
            Fact("Delegated zones", lines(obj.delegated_zones) if obj.delegated_zones else ""),
            Fact("Verified", verified),
            Fact(
                "Propagation",
                f"at most {seconds} {wait}" if seconds is not None else "the plugin waits",
            ),
            Fact("Added", instants.absolute(obj.created_at)),
            Fact("Documentation", link(entry.docs_url, entry.docs_url)),
        )
        # A value of several lines is a secret one, and masked.
        credentials = [Fact(p.label, shown.get(p.name)) for p in entry.parameters]
        return [FactGroup("Account", account), FactGroup("Credentials", credentials)]


def _about(entry: DNSProvider) -> str:
    if is_installed(entry.package):
        return f"Through {entry.package}." if entry.install else "Nothing more is needed."
    return f"Not installed: {entry.install}"
