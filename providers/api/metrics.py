"""The numbers of authorities, for `/metrics`. Instants are told as such: a monitor has a clock."""

from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client.core import Metric

from certmate.access.actors import Actor
from certmate.core import clock
from certmate.rest.metrics import gauge
from providers.services import revocation_health
from providers.services.ocsp import health as ocsp_health
from providers.services.revocation_health import RevocationHealth

_COUNTS: dict[str, tuple[str, Callable[[RevocationHealth], int]]] = {
    "crl_count": ("CRLs of keys that are valid.", lambda one: one.crls),
    "crl_missing": ("CRLs that were never made.", lambda one: one.missing),
    "crl_overdue": ("CRLs that are past their nextUpdate.", lambda one: one.overdue),
    "crl_waiting": ("Changes that no CRL tells yet.", lambda one: one.waiting),
}
_INSTANTS: dict[str, tuple[str, Callable[[RevocationHealth], datetime | None]]] = {
    "crl_freshest": ("Of the newest CRL.", lambda one: one.freshest_at),
    "crl_stalest": ("Of the oldest CRL.", lambda one: one.stalest_at),
    "crl_expiry": ("When the first CRL is past its nextUpdate.", lambda one: one.expires_at),
    "crl_waiting_since": ("Of the oldest untold change.", lambda one: one.waiting_since),
}


def revocation_metrics(actor: Actor) -> Iterable[Metric]:
    """A gauge for each of the numbers, by authority."""
    found = revocation_health.by_authority(actor)
    for name, (about, count) in _COUNTS.items():
        yield gauge(name, about, "authority", {key: count(one) for key, one in found.items()})
    for name, (about, instant) in _INSTANTS.items():
        values = {key: _timestamp(instant(one)) for key, one in found.items()}
        yield gauge(f"{name}_timestamp", about, "authority", values, "seconds")
    waited = {
        key: one.published_after and one.published_after.total_seconds()
        for key, one in found.items()
    }
    about = "What the last revocations waited for their CRL, at most."
    yield gauge("crl_published_after", about, "authority", waited, "seconds")
    ends = ocsp_health.first_expiry(actor, clock.now())
    values = {key: _timestamp(end) or 0.0 for key, end in ends.items()}
    about = "When the first OCSP responder expires; 0 where one is missing or revoked."
    yield gauge("ocsp_responder_expiry_timestamp", about, "authority", values, "seconds")


def _timestamp(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
