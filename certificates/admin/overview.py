"""What the overview says about certificates: five bounded counts."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import models
from django.http import HttpRequest

from certificates.choices import OrderState
from certificates.models import Certificate, Order
from certmate.access import policy
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.ui import panels
from certmate.ui.base import admin_url

_WEEK = timedelta(days=7)


def answers(request: HttpRequest) -> Iterable[panels.Answer]:
    actor, now = Actor.of(request.user), clock.now()
    certificates, orders = Certificate.objects.all(), Order.objects.all()
    week, month = (certificates.expiring(now, timedelta(days=days)) for days in (7, 30))
    failed = orders.filter(state=OrderState.FAILED, finished_at__gt=now - _WEEK)
    paused = certificates.exclude(paused_at=None)

    def answer(label: str, rows: models.QuerySet[Any], tone: str, **query: str) -> panels.Answer:
        url = admin_url(rows.model, "changelist", **query)
        return panels.Answer(label, _count(policy.visible(actor, rows)), url, tone)

    yield answer("expire within 7 days", week, "bad", expiry="7")
    yield answer("expire within 30 days", month, "warn", expiry="30")
    yield answer("orders failed this week", failed, "bad", state__exact="failed", ended="week")
    yield answer("certificates paused", paused, "warn", paused="yes")
    yield answer("orders under way", orders.open(), "info", progress="open")


def _count(rows: models.QuerySet[Any]) -> int:
    return rows.order_by().values("pk")[: panels.MOST + 1].count()


panels.register(answers=answers)
