"""Requests for client certificates: what waits for somebody's decision, and what was decided."""

from collections.abc import Iterable

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString

from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.pki import keys
from certmate.pki.errors import PKIError
from certmate.pki.requests import parse_request
from certmate.ui import instants
from certmate.ui.badges import Badge
from certmate.ui.base import EmptyState
from certmate.ui.facts import Fact, FactGroup, code
from certmate.ui.filters import VisibleRelatedFilter
from certmate.ui.objects import ServiceAdmin
from clients import services
from clients.admin import shown
from clients.admin.filters import DecisionFilter, EnrolmentStateFilter
from clients.admin.tools import ENROLMENT_TOOLS
from clients.choices import EnrolmentState
from clients.models import ClientCertificate, Enrolment
from clients.services.wishes import ClientWish


@admin.register(Enrolment)
class EnrolmentAdmin(ServiceAdmin[Enrolment]):
    """Requests are made for certificates; here they are read and decided about."""

    nav_group, nav_order = "Clients", 3
    tools = ENROLMENT_TOOLS
    object_template = "certmate/clients_object.html"
    deferred = ("wish", "csr", "authority__subject", "authority__name_constraints")

    list_display = ("named", "status", "authority", "requested_by", "asked", "decided")
    list_filter = (EnrolmentStateFilter, DecisionFilter, ("authority", VisibleRelatedFilter))
    search_fields = ("identifier__startswith",)
    search_help_text = "Beginning of the identifier."
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Enrolment]:
        related = ("authority", "team", "requested_by", "requested_token", "decided_by")
        rows = super().get_queryset(request)
        return rows.select_related(*related, "certificate__profile", "certificate__identity")

    def list_queryset(self, rows: models.QuerySet[Enrolment]) -> models.QuerySet[Enrolment]:
        return rows.select_related(None).select_related("authority", "requested_by", "decided_by")

    def empty_state(self, request: HttpRequest) -> EmptyState:
        text = "Certificates of profiles that want approval wait here until somebody decides."
        address = self.url("changelist", state="all")
        return EmptyState("Nothing waits", text, address, "All enrolments")

    def may(self, request: HttpRequest, verb: Verb, obj: models.Model | None = None) -> bool:
        """Nobody decides about a request of his own."""
        if isinstance(obj, Enrolment) and verb == Verb.APPROVE:
            is_waiting = obj.state == EnrolmentState.PENDING
            if is_waiting and not services.may_decide(self.actor(request), obj):
                return False
        return super().may(request, verb, obj)

    @admin.display(description="Enrolment", ordering="-id")
    def named(self, enrolment: Enrolment) -> SafeString:
        return shown.named(enrolment.identifier, _about(enrolment))

    @admin.display(description="State", ordering="state")
    def status(self, enrolment: Enrolment) -> Badge:
        return shown.enrolment_badge(enrolment.state)

    @admin.display(description="Asked")
    def asked(self, enrolment: Enrolment) -> SafeString:
        return instants.relative(enrolment.created_at, clock.now())

    @admin.display(description="Decided by")
    def decided(self, enrolment: Enrolment) -> str:
        return str(enrolment.decided_by or "")

    def badges(self, obj: Enrolment) -> Iterable[Badge]:
        yield shown.enrolment_badge(obj.state)

    def notices(self, request: HttpRequest, obj: Enrolment | None) -> Iterable[tuple[str, str]]:
        if obj is None or obj.state != EnrolmentState.PENDING:
            return
        if obj.requested_by == request.user:
            yield "info", "You asked for this, so somebody else has to decide."
        elif obj.supersedes:
            yield "warn", "Approving it revokes the version before as superseded."

    def facts(self, request: HttpRequest, obj: Enrolment) -> list[FactGroup]:
        groups = [self._asked(request, obj), self._terms(request, obj)]
        if obj.csr:
            groups.append(_request(obj.csr))
        return [*groups, _decision(obj)]

    def _asked(self, request: HttpRequest, obj: Enrolment) -> FactGroup:
        wish, certificate = ClientWish(**obj.wish), obj.certificate
        subject = certificate.subject if certificate else _subject(wish)
        names = certificate.alt_names if certificate else wish.san
        holder = certificate.identity if certificate else None
        linked = self.linked(request, certificate) if certificate else obj.identifier
        return FactGroup(
            "What is asked for",
            (
                Fact("Certificate", linked),
                Fact("For a", _about(obj)),
                Fact("Identity", self.linked(request, holder) if holder else wish.identity),
                Fact("Subject", shown.subject(subject)),
                *shown.alt_names(names),
                Fact("Key", _key(obj, certificate)),
            ),
        )

    def _terms(self, request: HttpRequest, obj: Enrolment) -> FactGroup:
        wish, certificate = ClientWish(**obj.wish), obj.certificate
        profile = certificate.profile if certificate else None
        days = certificate.validity_days if certificate else wish.validity_days
        facts = [Fact("Authority", self.linked(request, obj.authority) if obj.authority else "")]
        facts.append(Fact("Profile", self.linked(request, profile) if profile else wish.profile))
        if profile is not None:
            facts += shown.usages(profile.key_usage, profile.extended_key_usage)
        default = f"{profile.default_days} days" if profile else "as the profile says"
        facts.append(Fact("Validity", f"{days} days" if days else default))
        facts += [
            Fact("Team", self.linked(request, obj.team) if obj.team else "none"),
            Fact("Requested by", obj.requested_by),
            Fact("By token", obj.requested_token or ("deleted since" if obj.by_token else "no")),
            Fact("Requested", instants.absolute(obj.created_at)),
            Fact("Notes", certificate.notes if certificate else wish.notes),
        ]
        return FactGroup("Terms", facts)


def _about(enrolment: Enrolment) -> str:
    return "new key for it" if enrolment.renews else "new certificate"


def _subject(wish: ClientWish) -> dict[str, str]:
    """What was asked for where nothing is submitted, or nothing was made of it."""
    return {**wish.subject, **({"CN": wish.common_name} if wish.common_name else {})}


def _key(enrolment: Enrolment, certificate: ClientCertificate | None) -> str:
    if enrolment.csr:
        return "the holder's own, by CSR"
    kind = certificate.key_type if certificate else ""
    return f"made here, {keys.label(kind)}" if kind else "made here"


def _request(csr: str) -> FactGroup:
    """What the CSR says; that it is not what will be issued is why both are shown."""
    try:
        request = parse_request(csr)
    except PKIError as error:
        # It was taken by rules that have become stricter since.
        return FactGroup("What the CSR says", [Fact("Refused now", error.detail)])
    return FactGroup(
        "What the CSR says",
        (
            Fact("Subject", shown.subject(request.subject)),
            *shown.alt_names(request.alt_names.as_dict()),
            Fact("Public key", shown.key_words(request.key.algorithm, request.key.size)),
            Fact("SHA-256 of its key", code(request.key.spki_sha256)),
            Fact("Signature", "made by this key"),
        ),
    )


def _decision(enrolment: Enrolment) -> FactGroup:
    return FactGroup(
        "Decision",
        (
            Fact("State", enrolment.get_state_display()),
            Fact("By", enrolment.decided_by),
            Fact("At", instants.absolute(enrolment.decided_at)),
            Fact("Reason", enrolment.reason),
        ),
    )
