"""CA accounts: the list, the two steps of adding one, and the page of one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.core.parameters import MASK
from certmate.ui import instants, panels
from certmate.ui.badges import Badge, row
from certmate.ui.base import EmptyState, admin_url
from certmate.ui.catalogue import CatalogueAdmin, Kind
from certmate.ui.facts import Fact, FactGroup, code, lines, link
from certmate.ui.tools import DeleteTool, Tool
from providers.acme.catalogue import CATALOGUE, CAProvider, Limit
from providers.forms.accounts import CASettingsForm, NewCAAccountForm
from providers.models import CAAccount
from providers.services import delete_ca_account, verify_ca_account


class Verify(Tool[CAAccount]):
    name, label, verb = "verify", "Verify now", Verb.CHANGE
    is_direct = is_primary = True
    explanation = "Registers the account at its CA, or finds it registered there."

    def carry_out(self) -> CAAccount:
        return verify_ca_account(actor=self.actor, account=self.obj)

    def told(self) -> str:
        return f"{self.obj.name} is registered at its CA."


class DeleteCAAccount(DeleteTool[CAAccount]):
    explanation = "CertMate forgets the account and its key. What it issued stays valid."

    def carry_out(self) -> None:
        delete_ca_account(actor=self.actor, account=self.obj)


@admin.register(CAAccount)
class CAAccountAdmin(CatalogueAdmin[CAAccount]):
    nav_group, nav_order = "Accounts", 1
    add_form_class, settings_form_class = NewCAAccountForm, CASettingsForm
    tools = (Verify, DeleteCAAccount)
    choose_title = "At which CA is the account?"
    deferred = ("eab", "account_key", "trust_bundle")

    list_display = ("name", "kind", "directory_url", "registered", "status")
    list_filter = ("provider",)
    search_fields = ("name__startswith",)
    search_help_text = "Beginning of the name."

    def kinds(self) -> Sequence[Kind]:
        return [_kind(entry) for entry in CATALOGUE.values()]

    def form_for(
        self, slug: str, data: Mapping[str, Any] | None, request: HttpRequest
    ) -> NewCAAccountForm:
        return NewCAAccountForm(data, entry=CATALOGUE[slug], actor=self.actor(request))

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return super().empty_state(request)
        text = "CertMate registers once with a CA and orders all its certificates through that."
        return EmptyState("No CA account yet", text, self.url("add"), "Add a CA account")

    @admin.display(description="CA", ordering="provider")
    def kind(self, account: CAAccount) -> str:
        return account.get_provider_display()

    @admin.display(description="Registered", ordering="registered_at")
    def registered(self, account: CAAccount) -> SafeString | str:
        return instants.absolute(account.registered_at) if account.registered_at else "at first use"

    @admin.display(description="")
    def status(self, account: CAAccount) -> SafeString:
        return row(*self.badges(account))

    def badges(self, obj: CAAccount) -> Iterable[Badge]:
        if obj.is_default:
            yield Badge("Default", "info")
        if obj.is_staging:
            yield Badge("Staging", "mute", "Browsers do not trust its certificates.")
        if obj.paused_until is not None and obj.paused_until > clock.now():
            yield Badge("Paused", "warn", "The CA asked to wait.")

    def facts(self, request: HttpRequest, obj: CAAccount) -> list[FactGroup]:
        entry = obj.catalogue_entry
        account = (
            Fact("CA", entry.label),
            Fact("Directory", code(obj.directory_url)),
            Fact("Contact e-mail", obj.email),
            Fact("Validation", ", ".join(entry.types)),
            Fact("Profile", obj.profile or "the CA's choice"),
            Fact("It offers", lines(_offered(obj))),
            Fact("Its limits", lines([_said(limit) for limit in entry.limits])),
            Fact("Orders an hour", str(obj.orders_per_hour or "")),
            Fact("Documentation", link(entry.docs_url, entry.docs_url)),
        )
        return [FactGroup("Account", account), _registration(obj)]


def _offered(account: CAAccount) -> list[str]:
    """Each profile that the CA is known to offer, with its own words if it said any."""
    said = account.offered_profiles or {}
    return [f"{name}: {said[name]}" if said.get(name) else name for name in account.known_profiles]


_WHAT = {"order": "new orders", "set": "orders of the same names", "failure": "failures a name"}


def _said(limit: Limit) -> str:
    return f"{limit.count} {_WHAT[limit.kind]} in {limit.per.total_seconds() / 3600:g} hours"


def _kind(entry: CAProvider) -> Kind:
    needs = {"required": " Needs external account binding (EAB).", "optional": " EAB if it asks."}
    where = entry.directory_url or "You name its directory URL."
    about = f"{where} {', '.join(entry.types)}.{needs.get(entry.eab, '')}"
    return Kind(entry.slug, entry.label, about, entry.docs_url)


def _registration(account: CAAccount) -> FactGroup:
    kid = account.eab.get("kid", "")
    registered = instants.absolute(account.registered_at) if account.registered_at else ""
    return FactGroup(
        "Registration",
        (
            Fact("Registered", registered or "with the first order"),
            Fact("Account at the CA", code(account.account_uri)),
            Fact("EAB key id", code(kid)),
            Fact("EAB HMAC key", MASK if account.eab.get("hmac_key") else ""),
            Fact("Extra trust", "yes" if account.trust_bundle else "no"),
        ),
    )


def hints(request: HttpRequest) -> Iterable[panels.Hint]:
    """Nothing can be issued before there is an account."""
    actor = Actor.of(request.user)
    if not policy.allowed(actor, Verb.REQUEST, CAAccount):
        return
    if not policy.visible(actor, CAAccount.objects.all()).exists():
        text = "You see no CA account yet. Certificates are ordered through one."
        yield panels.Hint(text, admin_url(CAAccount, "add"), "Add a CA account")


panels.register(hints=hints)
