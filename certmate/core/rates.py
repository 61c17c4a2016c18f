"""How often somebody may call, counted so that it holds over all web processes.

Of each caller one instant is kept: when the calls so far would have ended at the permitted pace
(GCRA, ITU-T I.371 annex A). A script in the Redis-protocol server moves it in one round trip, so
calls at the same time cannot slip through together. Without such a server, or while it does not
answer, each process counts for itself: a limit is never worth refusing everybody.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Lock
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from certmate.core import clock

logger = logging.getLogger(__name__)

PREFIX = "certmate:rate:"
"""Apart from the names of the broker's queues, which live in the same database."""

ANSWER_SECONDS = 0.25
"""How long a call may be held up by a server that does not answer."""
PAUSE = timedelta(seconds=5)
"""After that it is left alone for a while, so that not every call waits for it."""
WARN_EVERY = timedelta(minutes=1)
MOST_LOCAL = 10_000
"""Callers that one process remembers."""

NO_WAIT = timedelta(0)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime.fromtimestamp(0, UTC)

_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local ends = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + interval
if ends - now > period then
    return ends - now - period
end
redis.call('SET', KEYS[1], string.format('%.0f', ends), 'PX', math.ceil((ends - now) / 1000))
return 0
"""


@dataclass(frozen=True)
class Rate:
    """So many calls in a period: at once if nothing came before, then evenly."""

    calls: int
    period: timedelta = timedelta(minutes=1)

    @property
    def microseconds(self) -> tuple[int, int]:
        """Between two calls, and of the period."""
        period = self.period // _MICROSECOND
        return max(1, period // self.calls), period


class Counter(Protocol):
    def take(self, key: str, rate: Rate) -> timedelta:
        """Count a call; how long to wait if it is one too many, which is then not counted."""


class LocalCounter:
    """Counts for this process alone."""

    def __init__(self) -> None:
        self._ends: dict[str, int] = {}
        self._lock = Lock()

    def take(self, key: str, rate: Rate) -> timedelta:
        now = (clock.now() - _EPOCH) // _MICROSECOND
        interval, period = rate.microseconds
        with self._lock:
            ends = max(self._ends.get(key, 0), now) + interval
            if ends - now > period:
                return (ends - now - period) * _MICROSECOND
            if len(self._ends) >= MOST_LOCAL:
                self._ends = {name: end for name, end in self._ends.items() if end > now}
            if len(self._ends) < MOST_LOCAL or key in self._ends:
                self._ends[key] = ends
            return NO_WAIT


class SharedCounter:
    """Counts in a Redis-protocol server for all processes; alone while that does not answer."""

    def __init__(self, url: str) -> None:
        client: Any = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            # Once more at once: a connection that has idled may have been closed.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
        self._script: Any = client.register_script(_SCRIPT)
        self._alone = LocalCounter()
        self._alone_until: datetime | None = None
        self._warned_at: datetime | None = None
        self.lost_since: datetime | None = None

    def take(self, key: str, rate: Rate) -> timedelta:
        if self._alone_until is not None and clock.now() < self._alone_until:
            return self._alone.take(key, rate)
        try:
            wait: int = self._script(keys=[PREFIX + key], args=list(rate.microseconds))
        except (redis.RedisError, OSError) as error:
            self._lose(error)
            return self._alone.take(key, rate)
        if self.lost_since is not None:
            logger.warning("The server that counts calls answers again.")
            self.lost_since = self._alone_until = None
        return wait * _MICROSECOND

    def _lose(self, error: Exception) -> None:
        now = clock.now()
        self._alone_until = now + PAUSE
        self.lost_since = self.lost_since or now
        if self._warned_at is None or now - self._warned_at >= WARN_EVERY:
            self._warned_at = now
            # The error's words may hold the server's address, never its password.
            logger.warning(
                "The server that counts calls does not answer (%s); "
                "since %s each process counts for itself.",
                error,
                self.lost_since,
            )


def take(key: str, rate: Rate) -> timedelta:
    """Count a call of this caller; how long to wait if it is one too many."""
    return _counter(settings.CERTMATE_THROTTLE_URL).take(key, rate)


def lost_since() -> datetime | None:
    """Since when this process counts for itself because the server does not answer."""
    counter = _counter(settings.CERTMATE_THROTTLE_URL)
    return counter.lost_since if isinstance(counter, SharedCounter) else None


def redis_url(url: str) -> str:
    """A broker's URL as redis-py takes it; "" if it is no Redis that can count.

    kombu writes a unix socket as `redis+socket:///path?virtual_host=1`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "redis+socket"):
        return ""
    given = dict(parse_qsl(parts.query))
    kept = {name: value for name, value in given.items() if name.startswith("ssl_")}
    if "ssl_cert_reqs" in kept:
        kept["ssl_cert_reqs"] = kept["ssl_cert_reqs"].lower().removeprefix("cert_")
    if "virtual_host" in given:
        kept["db"] = given["virtual_host"].strip("/")
    scheme = "unix" if parts.scheme == "redis+socket" else parts.scheme
    query = f"?{urlencode(kept)}" if kept else ""
    return f"{scheme}://{parts.netloc}{parts.path}{query}"


@cache
def _counter(url: str) -> Counter:
    translated = redis_url(url)
    return SharedCounter(translated) if translated else LocalCounter()
