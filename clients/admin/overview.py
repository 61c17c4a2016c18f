"""What the overview says about clients: five bounded counts, and where to begin."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import models
from django.http import HttpRequest

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.ui import panels
from certmate.ui.base import admin_url
from clients.admin.filters import acting, decidable
from clients.models import Batch, ClientCertificate, Enrolment, Identity
from providers.models import Authority


def answers(request: HttpRequest) -> Iterable[panels.Answer]:
    """For those who can have anything to do with client certificates."""
    actor, now = Actor.of(request.user), clock.now()
    certificates = ClientCertificate.objects.all()
    week, month = (certificates.expiring(now, timedelta(days=days)) for days in (7, 30))

    def answer(label: str, rows: models.QuerySet[Any], tone: str, **query: str) -> panels.Answer:
        url = admin_url(rows.model, "changelist", **query)
        return panels.Answer(label, _count(rows), url, tone)

    def seen(rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return policy.visible(actor, rows)

    if policy.possible(actor, Verb.VIEW, ClientCertificate):
        needing = seen(acting(certificates))
        yield answer("client certificates expire within 7 days", seen(week), "bad", expiry="7")
        yield answer("client certificates expire within 30 days", seen(month), "warn", expiry="30")
        yield answer("client certificates need action", needing, "warn", needs_action="yes")
    if policy.possible(actor, Verb.APPROVE, Enrolment):
        waiting = decidable(actor, Enrolment.objects.all())
        yield answer("enrolments wait for you", waiting, "info", decision="mine")
    if policy.possible(actor, Verb.VIEW, Batch):
        yield answer("batches under way", seen(Batch.objects.open()), "info", progress="open")


def _count(rows: models.QuerySet[Any]) -> int:
    return rows.order_by().values("pk")[: panels.MOST + 1].count()


def hints(request: HttpRequest) -> Iterable[panels.Hint]:
    """Identities without an authority get no certificate."""
    actor = Actor.of(request.user)
    if not policy.possible(actor, Verb.REQUEST, Authority):
        return
    if policy.visible(actor, Authority.objects.all()).exists():
        return
    if policy.visible(actor, Identity.objects.all()).exists():
        text = "There are identities, but no authority that signs certificates for them."
        yield panels.Hint(text, admin_url(Authority, "add"), "New authority")


panels.register(answers=answers, hints=hints)
