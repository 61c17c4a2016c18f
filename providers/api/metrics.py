"""The numbers of authorities, for `/metrics`."""

from collections.abc import Iterable

from prometheus_client.core import Metric

from certmate.access.actors import Actor
from certmate.core import clock
from certmate.rest.metrics import gauge
from providers.services import revocation_health
from providers.services.ocsp import health as ocsp_health

_ABOUT = {
    "count": "CRLs of keys that are valid.",
    "missing": "CRLs that were never made.",
    "overdue": "CRLs that are past their nextUpdate.",
    "freshest_seconds": "Age of the newest CRL.",
    "stalest_seconds": "Age of the oldest CRL.",
    "valid_for_seconds": "Until the first CRL is past its nextUpdate.",
    "published_after_seconds": "What the last revocations waited for their CRL, at most.",
    "waiting": "Changes that no CRL tells yet.",
    "waiting_seconds": "Age of the oldest of these.",
}


def revocation_metrics(actor: Actor) -> Iterable[Metric]:
    """A gauge for each of the numbers, by authority."""
    now = clock.now()
    found = {
        name: health.numbers(now) for name, health in revocation_health.by_authority(actor).items()
    }
    for number, about in _ABOUT.items():
        stem = number.removesuffix("_seconds")
        values = {name: numbers[number] for name, numbers in found.items()}
        unit = "seconds" if stem != number else ""
        yield gauge(f"crl_{stem}", about, "authority", values, unit)
    ends = {
        name: (end - now).total_seconds()
        for name, end in ocsp_health.first_expiry(actor, now).items()
    }
    about = "Until the first OCSP responder's certificate expires."
    yield gauge("ocsp_responder_valid_for", about, "authority", ends, "seconds")
