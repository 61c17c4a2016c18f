"""Is the process up, and can the whole work? For load balancers and monitors, without a login."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from cachetools import TTLCache
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django_celery_beat.models import PeriodicTask
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.core import clock
from certmate.core.models import Heartbeat
from certmate.core.schedules import HEARTBEAT
from certmate.rest.problems import Problem
from certmate.rest.serializers import ProblemOutput
from certmate.rest.views import Endpoint, Operation

logger = logging.getLogger(__name__)

SILENT_AFTER = timedelta(seconds=90)
"""Three heartbeats."""
BROKER_SECONDS = 2

OK = "ok"

Numbers = dict[str, dict[str, float | int | None]]


class HealthOutput(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=[OK])

    class Meta:
        ref_name = "Health"


class ReadyOutput(HealthOutput):
    checks = serializers.DictField(
        child=serializers.CharField(), help_text="By part: ok, or what is wrong."
    )
    numbers = serializers.DictField(
        child=serializers.DictField(child=serializers.FloatField(allow_null=True)),
        help_text="By subject, such as crl. They do not decide whether it is ready.",
    )

    class Meta:
        ref_name = "Ready"


class UnreadyOutput(ProblemOutput):
    checks = serializers.DictField(child=serializers.CharField())

    class Meta:
        ref_name = "NotReady"


class PublicEndpoint(Endpoint):
    tag = "about"
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()


class Health(PublicEndpoint):
    operations = {"GET": Operation("get_health", {200: HealthOutput}, is_public=True)}

    def get(self, request: Request) -> Response:
        """The process is up. Asks nothing of anybody else."""
        return Response({"status": OK})


class Ready(PublicEndpoint):
    operations = {
        "GET": Operation(
            "get_readiness",
            {200: ReadyOutput, (503, "application/problem+json"): UnreadyOutput},
            is_public=True,
        )
    }

    def get(self, request: Request) -> Response:
        """Database, broker, worker and scheduler are there; if not, which is missing."""
        checks = {part: check() for part, check in CHECKS.items()}
        missing = [part for part, state in checks.items() if state != OK]
        if missing:
            detail = f"Not ready: {', '.join(missing)}."
            return Problem(503, "service.not_ready", detail, more={"checks": checks}).response()
        return Response({"status": OK, "checks": checks, "numbers": _numbers()})


def _numbers() -> Numbers:
    """Counted at most every half a minute in each process: anybody may ask."""
    with _lock:
        found = _counted.get("")
        if found is None:
            try:
                found = {subject: count() for subject, count in NUMBERS.items()}
            except DatabaseError as error:
                logger.warning("The numbers are not there: %s", error)
                return {}
            _counted[""] = found
        return found


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return _told("database", error)
    return OK


def _broker() -> str:
    options = {"socket_timeout": BROKER_SECONDS, "socket_connect_timeout": BROKER_SECONDS}
    is_redis = str(current_app.conf.broker_url).startswith(("redis", "sentinel"))
    broker = current_app.connection_for_write(
        connect_timeout=BROKER_SECONDS, transport_options=options if is_redis else {}
    )
    failures: Any = (OSError, *broker.connection_errors, *broker.channel_errors)
    try:
        # A channel of its own: the default one tries again for seconds when nobody answers.
        channel: Any = broker.channel()
        channel.close()
    except failures as error:
        return _told("broker", error)
    finally:
        broker.release()
    return OK


def _worker() -> str:
    try:
        return _seen(_heartbeat("worker"))
    except DatabaseError as error:
        return _told("worker", error)


def _scheduler() -> str:
    """Its start, or the last time that it sent the heartbeat, which it notes itself."""
    try:
        sent = PeriodicTask.objects.filter(name=HEARTBEAT.task).values_list(
            "last_run_at", flat=True
        )
        return _seen(max(filter(None, (_heartbeat("scheduler"), sent.first())), default=None))
    except DatabaseError as error:
        return _told("scheduler", error)


def _heartbeat(part: str) -> datetime | None:
    return Heartbeat.objects.filter(part=part).values_list("seen_at", flat=True).first()


def _seen(at: datetime | None) -> str:
    if at is None:
        return "never seen"
    silent = clock.now() - at
    return OK if silent < SILENT_AFTER else f"silent for {int(silent.total_seconds())} s"


def _told(part: str, error: Exception) -> str:
    # Its words may hold addresses and user names, and everybody may read the answer.
    logger.warning("Not ready: %s: %s", part, error)
    return f"unavailable ({type(error).__name__})"


NUMBERS: dict[str, Callable[[], dict[str, float | int | None]]] = {}
"""What apps tell of their work, by subject; each adds its own while its addresses are imported."""

_counted: TTLCache[str, Numbers] = TTLCache(1, settings.CERTMATE_NUMBERS_SECONDS)
_lock = Lock()

CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "broker": _broker,
    "worker": _worker,
    "scheduler": _scheduler,
}
