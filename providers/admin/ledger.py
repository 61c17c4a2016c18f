"""The ledger: every certificate that private authorities have signed, to look up and to revoke."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.pki.inspect import describe_certificate, pem_of
from certmate.ui import instants
from certmate.ui.badges import Badge, row
from certmate.ui.base import EmptyState
from certmate.ui.downloads import attachment
from certmate.ui.facts import Fact, FactGroup, code, lines
from certmate.ui.filters import ChoiceFilter, VisibleRelatedFilter
from certmate.ui.objects import ServiceAdmin
from certmate.ui.tools import Tool
from providers import services
from providers.admin.revocation import RevokeTool
from providers.authority.reading import read
from providers.choices import TONES, EntryKind, EntryState, RevocationReason
from providers.models import Authority, LedgerEntry, Revocation

_HOLD = RevocationReason.CERTIFICATE_HOLD
_MOST_AUTHORITIES = 1000
_NO_REQUEST = "-"
_NAME_KINDS = {"dns": "DNS names", "ip": "IP addresses", "email": "E-mail", "uri": "URIs"}


def revocation_of(entry: models.Model) -> Revocation | None:
    return getattr(entry, "revocation", None)


class RevokedFilter(ChoiceFilter):
    title, parameter_name = "revocation", "revoked"
    options = {"yes": "Revoked", "no": "Not revoked"}

    def narrow(self, queryset: Any, value: str) -> Any:
        return queryset.filter(revocation__isnull=value == "no")


class RevokeEntry(RevokeTool[LedgerEntry]):
    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        found = revocation_of(obj)
        is_over = isinstance(obj, LedgerEntry) and obj.state == EntryState.INTENDED
        return not is_over and (found is None or found.reason == _HOLD)

    def carry_out(self) -> Revocation:
        return services.revoke_entry(actor=self.actor, entry=self.obj, **self.cleaned_data)

    def told(self) -> str:
        return f"{self.obj} is revoked."


class ReleaseEntry(Tool[LedgerEntry]):
    name, label, verb = "release", "Release from hold", Verb.REVOKE
    explanation = "The certificate is trusted again once the next CRL is out."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        found = revocation_of(obj)
        return found is not None and found.reason == _HOLD

    def carry_out(self) -> None:
        services.release_entry(actor=self.actor, entry=self.obj)

    def told(self) -> str:
        return f"{self.obj} is on hold no more."


class _Download(Tool[LedgerEntry]):
    verb, is_direct = Verb.VIEW, True

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, LedgerEntry) and obj.cert is not None

    def carry_out(self) -> bytes:
        if self.obj.cert is None:
            raise forms.ValidationError("It was never signed.", code="ledger.unfinished")
        return bytes(self.obj.cert)


class DownloadPEM(_Download):
    name, label = "pem", "Download (.pem)"
    explanation = "The certificate in PEM."

    def response(self) -> HttpResponse:
        pem = pem_of(self.result).encode()
        return attachment(pem, "application/x-pem-file", f"{self.obj.serial}.pem")


class DownloadDER(_Download):
    name, label = "der", "Download (.cer)"
    explanation = "The certificate in DER."

    def response(self) -> HttpResponse:
        return attachment(self.result, "application/pkix-cert", f"{self.obj.serial}.cer")


@admin.register(LedgerEntry)
class LedgerAdmin(ServiceAdmin[LedgerEntry]):
    nav_group, nav_order, nav_label = "Private CA", 3, "Ledger"
    tools = (DownloadPEM, DownloadDER, ReleaseEntry, RevokeEntry)
    deferred = ("tbs", "cert", "authority__subject", "authority__name_constraints")

    list_display = ("serial", "authority", "named", "until", "status")
    list_filter = (("authority", VisibleRelatedFilter), "state", RevokedFilter)
    search_fields = ("serial",)
    search_help_text = "A whole serial number, or the SHA-256 of a public key."
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[LedgerEntry]:
        rows = super().get_queryset(request).select_related("authority__team", "revocation")
        return rows.defer("tbs")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[LedgerEntry], bool]:
        """By what identifies one entry, or all for one key, exactly: each has an index."""
        term = search_term.strip().lower().replace(":", "").replace(" ", "")
        if not term:
            return queryset, False
        known = list(Authority.objects.values_list("pk", flat=True)[:_MOST_AUTHORITIES])
        keys = LedgerEntry.objects.order_by().values("pk")
        by_serial = keys.filter(authority_id__in=known, serial=term)
        found = by_serial.union(keys.filter(public_key_hash=term))
        return queryset.filter(pk__in=found), False

    def audited(self, obj: LedgerEntry) -> Authority:
        return obj.authority

    def empty_state(self, request: HttpRequest) -> EmptyState:
        return EmptyState("Nothing was signed yet", "Each certificate of an authority stands here.")

    @admin.display(description="Subject and holder")
    def named(self, entry: LedgerEntry) -> SafeString:
        return format_html(
            '<span class="name">{}</span><span class="sans">{}</span>', entry.subject, entry.holder
        )

    @admin.display(description="Valid until", ordering="not_after")
    def until(self, entry: LedgerEntry) -> SafeString:
        return instants.relative(entry.not_after, clock.now())

    @admin.display(description="State", ordering="state")
    def status(self, entry: LedgerEntry) -> SafeString:
        return row(*self.badges(entry))

    def badges(self, obj: LedgerEntry) -> Iterable[Badge]:
        found = revocation_of(obj)
        is_expired = obj.not_after <= clock.now()
        if obj.state != EntryState.SIGNED:
            yield Badge(str(EntryState(obj.state).label), TONES[obj.state], obj.note)
        elif found is None:
            yield Badge("Expired", "mute") if is_expired else Badge("Valid", "good")
        if found is not None:
            is_held = found.reason == _HOLD
            label = "On hold" if is_held else "Revoked"
            yield Badge(label, "warn" if is_held else "bad", found.get_reason_display())
        if obj.kind == EntryKind.CA:
            yield Badge("CA", "info")

    def facts(self, request: HttpRequest, obj: LedgerEntry) -> list[FactGroup]:
        groups = [_record(obj, self.linked(request, obj.authority))]
        found = revocation_of(obj)
        if found is not None:
            groups.append(_revocation(found))
        if obj.cert is not None:
            groups += _certificate(pem_of(bytes(obj.cert)))
        return groups


def _record(entry: LedgerEntry, authority: Any) -> FactGroup:
    facts = [
        Fact("Authority", authority),
        Fact("Key of it", entry.key.number),
        Fact("Holder", entry.holder),
        Fact("Profile", entry.profile or "CA"),
        Fact("CRL", f"{entry.shard}.crl"),
        Fact("Recorded", instants.absolute(entry.created_at)),
        Fact("Signed", instants.absolute(entry.signed_at)),
    ]
    if entry.request_id != _NO_REQUEST:
        facts.append(Fact("Request id", code(entry.request_id)))
    return FactGroup("Record", [*facts, Fact("Note", entry.note)] if entry.note else facts)


def _revocation(found: Revocation) -> FactGroup:
    return FactGroup(
        "Revocation",
        (
            Fact("Reason", found.get_reason_display()),
            Fact("Since", instants.absolute(found.revoked_at)),
            Fact("Not to be trusted since", instants.absolute(found.invalidity_at)),
        ),
    )


def _certificate(pem: str) -> list[FactGroup]:
    facts, extensions = describe_certificate(pem), read(pem)
    names = [
        Fact(_NAME_KINDS[kind], lines(list(texts))) for kind, texts in extensions.alt_names.items()
    ]
    certificate = (
        Fact("Subject", facts.subject),
        *names,
        Fact("Issuer", facts.issuer),
        Fact("Valid from", instants.absolute(facts.not_before)),
        Fact("Valid until", instants.absolute(facts.not_after)),
        Fact("Serial number", code(facts.serial)),
        Fact("SHA-256 fingerprint", code(facts.fingerprint)),
    )
    key = (
        Fact("Public key", f"{facts.key.algorithm} {facts.key.size}"),
        Fact("Its key may", ", ".join(extensions.key_usage)),
        Fact("Purposes", ", ".join(extensions.extended_key_usage)),
        Fact("Key identifier", code(extensions.key_identifier)),
        Fact("SHA-256 of its key", code(facts.key.spki_sha256)),
    )
    return [FactGroup("Certificate", certificate), FactGroup("Key", key)]
