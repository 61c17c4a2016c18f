"""The one seam for time and for the randomness of schedules: tests replace these two functions."""

import secrets
from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """The present instant, timezone-aware in UTC."""
    return datetime.now(UTC)


def jitter(span: timedelta) -> timedelta:
    """A uniformly random duration from zero up to `span`, so that a fleet does not act in one
    second.
    """
    return timedelta(seconds=secrets.randbelow(max(1, int(span.total_seconds() * 1000))) / 1000)
