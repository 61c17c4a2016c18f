"""The filters of the lists of clients."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.ui.filters import ChoiceFilter
from clients.choices import OPEN_BATCHES, BatchState, ClientState, EnrolmentState
from clients.models import ClientCertificate
from providers.models import Profile


class StateFilter(ChoiceFilter):
    """States of client certificates: nearly all may be in one of them, or hardly any."""

    title, parameter_name = "state", "state"
    options = {state.value: str(state.label) for state in ClientState}

    def narrow(self, queryset: Any, value: str) -> Any:
        rows = ClientCertificate.objects.filter(state=value).order_by().values("pk")
        if rows[: policy.FEW + 1].count() <= policy.FEW:
            return queryset.filter(state=value)
        return walked(queryset, "state", value)


class ActionFilter(ChoiceFilter):
    title, parameter_name = "action", "needs_action"
    options = {"yes": "Needs action"}

    def narrow(self, queryset: Any, value: str) -> Any:
        return acting(queryset)


class TypeFilter(admin.SimpleListFilter):
    """The types that profiles give to certificates, from the few profiles."""

    title, parameter_name = "type", "type"

    def lookups(
        self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]"
    ) -> list[tuple[str, str]]:
        profiles = policy.visible(Actor.of(request.user), Profile.objects.all())
        types = profiles.order_by("certificate_type").values_list("certificate_type", flat=True)
        return [(name, name) for name in types.distinct()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        known = [value for value, _ in self.lookup_choices]
        value = self.value()
        return walked(queryset, "certificate_type", value) if value in known else queryset


class EnrolmentStateFilter(ChoiceFilter):
    """Those that wait, unless others are asked for."""

    title, parameter_name = "state", "state"
    options = {
        "all": "All",
        **{
            state.value: str(state.label)
            for state in EnrolmentState
            if state != EnrolmentState.PENDING
        },
    }

    def choices(self, changelist: Any) -> Iterator[Any]:
        default, every, *others = super().choices(changelist)
        # What is chosen is shown beside the title unless it stands first, where "All" does.
        yield every
        yield {**default, "display": str(EnrolmentState.PENDING.label)}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if value == "all":
            return queryset
        return queryset.filter(state=value if value in self.options else EnrolmentState.PENDING)


class DecisionFilter(ChoiceFilter):
    title, parameter_name = "decision", "decision"
    options = {"mine": "For me to decide"}

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() != "mine":
            return queryset
        return decidable(Actor.of(request.user), queryset)


class BatchProgressFilter(ChoiceFilter):
    title, parameter_name = "progress", "progress"
    options = {"open": "Under way", "ended": "Ended"}

    def narrow(self, queryset: Any, value: str) -> Any:
        if value == "open":
            return queryset.open()
        return queryset.exclude(state__in=(*OPEN_BATCHES, BatchState.LOADING))


def walked(rows: Any, column: str, value: str) -> Any:
    """Those of the rows, where they are many: a page of them is found by walking the list in its
    order. An expression keeps databases from fetching all of them first, to sort them.
    """
    return rows.annotate(**{f"any_{column}": Coalesce(column, Value(""))}).filter(
        **{f"any_{column}": value}
    )


def acting(certificates: Any) -> Any:
    """Those about which a person has to do something, as the index on them says it."""
    return certificates.filter(notice_at__isnull=False)


def decidable(actor: Actor, enrolments: Any) -> Any:
    """Those that wait for somebody, the actor among them; nobody decides about his own."""
    waiting = enrolments.filter(state=EnrolmentState.PENDING)
    return policy.visible(actor, waiting, Verb.APPROVE).exclude(requested_by=actor.user)
