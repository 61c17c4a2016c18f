"""When to renew and when to try again: rules over instants and durations. Pure.

Renewal follows the certificate: what the CA suggests (RFC 9773), else a share of the lifetime, else
the operator's own number of days; spread over time so that a fleet does not act in one second.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

SHORT_LIFETIME = timedelta(days=10)
RETRY_LADDER = (
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(minutes=100),
    timedelta(days=1),
)
"""Let's Encrypt's integration guide, "Retrying failures"."""
JITTER_SHARE = 10
LATEST_SHARE = 10
PAUSE_AFTER = 3
"""Permanent failures in a row after which only a person can help."""

Jitter = Callable[[timedelta], timedelta]


def renew_at(
    not_before: datetime, not_after: datetime, days: int | None, jitter: Jitter
) -> datetime:
    """The instant of renewal without the CA's advice: a third of the lifetime left, a half if it is
    short.

    `days` before expiry replaces the share, but never reaches back before half of the lifetime, so
    that a number meant for 90 days does not renew a 6-day certificate without end.
    """
    lifetime = not_after - not_before
    if days is None:
        left = lifetime / 2 if lifetime < SHORT_LIFETIME else lifetime / 3
    else:
        left = min(timedelta(days=days), lifetime / 2)
    return not_after - left + jitter(left / JITTER_SHARE)


def latest(not_before: datetime, not_after: datetime) -> datetime:
    """The instant after which no advice puts a renewal off: there has to be time for failures."""
    return not_after - (not_after - not_before) / LATEST_SHARE


def retry_delay(attempts: int, retry_after: timedelta | None, jitter: Jitter) -> timedelta:
    """How long to wait after the attempt of that number (from 1); never less than the other side
    asked.
    """
    step = RETRY_LADDER[min(max(attempts, 1), len(RETRY_LADDER)) - 1]
    delay = step + jitter(step / JITTER_SHARE)
    return max(delay, retry_after) if retry_after else delay
