"""Numbers for a monitor, as OpenMetrics text. Apps add theirs; this module knows none of them."""

from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from rest_framework.request import Request

from certmate.access.actors import Actor
from certmate.core.models import Heartbeat
from certmate.rest.views import Endpoint, Operation

Source = Callable[[Actor], Iterable[Metric]]
"""What somebody may learn: numbers about nothing else than what he may see."""

MEDIA_TYPE = "application/openmetrics-text"

_sources: list[Source] = []


def register(source: Source) -> None:
    """Add an app's part, while its addresses are imported."""
    _sources.append(source)


class Metrics(Endpoint):
    tag = "about"
    operations = {"GET": Operation("get_metrics", {(200, MEDIA_TYPE): OpenApiTypes.STR})}

    def get(self, request: Request) -> HttpResponse:
        """Numbers about what this token may see, for a monitor to collect."""
        self._require_scope(Heartbeat)
        registry = CollectorRegistry()
        registry.register(_Collected(self.actor))
        text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
        return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


class _Collected:
    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def collect(self) -> Iterable[Metric]:
        yield from _heartbeats()
        for source in _sources:
            yield from source(self.actor)


def _heartbeats() -> Iterable[Metric]:
    """Of worker and scheduler, as `/ready` has them."""
    beats = Heartbeat.objects.order_by("part").values_list("part", "seen_at")
    seen = {part: at.timestamp() for part, at in beats}
    about = "When the worker or the scheduler was seen."
    yield gauge("heartbeat_timestamp", about, "part", seen, "seconds")


def gauge(name: str, about: str, label: str, values: dict[str, Any], unit: str = "") -> Metric:
    """One number for each value of the label; None is left out."""
    family = GaugeMetricFamily(f"certmate_{name}", about, labels=[label], unit=unit)
    for key, value in values.items():
        if value is not None:
            family.add_metric([key], float(value))
    return family
