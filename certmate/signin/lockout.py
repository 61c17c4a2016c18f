"""Counting guesses of passwords and codes, in the database, so that it holds over all web workers.

A guess is counted before it is looked at, by one conditional UPDATE, so that guesses at the same
time cannot slip through together. Three counts are kept. Name and address together is the usual
one: whoever guesses at one place locks nobody out at another. The address alone, higher, stops
trying many names; the name alone, higher still, stops many addresses, but never an address where
the person has signed in before: guessing from elsewhere cannot lock the administrator out.
A success takes back what its own name and address have added.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest
from django.utils.crypto import salted_hmac

from certmate.audit.services import record
from certmate.core import clock
from certmate.core.addresses import network
from certmate.core.errors import AccessDenied
from certmate.signin.models import FailedAttempts, KnownAddress

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """So many guesses; after that none until the last counted one is `silence` ago."""

    kind: str
    guesses: int
    silence: timedelta


PAIR = Limit("pair", 5, timedelta(minutes=15))
ADDRESS = Limit("address", 50, timedelta(hours=1))
NAME = Limit("name", 100, timedelta(hours=1))
KNOWN_FOR = timedelta(days=30)
KEPT_FOR = timedelta(days=2)


class LockedOut(AccessDenied):
    """Too many guesses; the sentence is the same whether the account exists or not."""

    default_code = "signin.locked"

    def __init__(self, until: timedelta) -> None:
        minutes = max(1, -(-int(until.total_seconds()) // 60))
        unit = "minute" if minutes == 1 else "minutes"
        super().__init__(
            f"Too many failed attempts. Try again in {minutes} {unit}, or ask an administrator "
            "to unlock the account.",
            retry_after=until,
        )


def attempt(name: str, address: str) -> None:
    """Count a guess for this name from this address. Raises LockedOut when there were too many."""
    for limit, key in _counts(name, address):
        if not _count(limit, key, name):
            _report(name, address, limit, key)
            raise LockedOut(_remaining(limit, key))


def check(name: str, address: str) -> None:
    """Raise LockedOut if a guess would be refused; counts nothing."""
    for limit, key in _counts(name, address):
        remaining = _remaining(limit, key)
        if remaining > timedelta(0):
            _report(name, address, limit, key)
            raise LockedOut(remaining)


def succeeded(name: str, address: str) -> None:
    """Take back what this name has failed from this address, and know the address from now on."""
    now, pair = clock.now(), _pair(name, address)
    with transaction.atomic():
        own = FailedAttempts.objects.filter(kind=PAIR.kind, key=pair).first()
        if own is not None:
            for limit, key in ((ADDRESS, _hash(network(address))), (NAME, _hash(_plain(name)))):
                rows = FailedAttempts.objects.filter(kind=limit.kind, key=key)
                rows.update(count=Greatest(F("count") - own.count, Value(0)))
            own.delete()
        KnownAddress.objects.update_or_create(key=pair, defaults={"seen_at": now})
        FailedAttempts.objects.filter(last_at__lt=now - KEPT_FOR).delete()
        KnownAddress.objects.filter(seen_at__lt=now - KNOWN_FOR).delete()


def unlock(*, name: str = "", address: str = "") -> int:
    """Forget the failures of a name, wherever they came from, and of an address."""
    wanted = Q(kind=ADDRESS.kind, key=_hash(network(address))) if address else Q(pk__in=())
    if name:
        wanted |= Q(name=_hash(_plain(name)))
    forgotten, _ = FailedAttempts.objects.filter(wanted).delete()
    return forgotten


def _counts(name: str, address: str) -> list[tuple[Limit, str]]:
    counts = [(PAIR, _pair(name, address))]
    if network(address):
        counts.append((ADDRESS, _hash(network(address))))
    known = KnownAddress.objects.filter(
        key=_pair(name, address), seen_at__gte=clock.now() - KNOWN_FOR
    )
    if not known.exists():
        counts.append((NAME, _hash(_plain(name))))
    return counts


def _count(limit: Limit, key: str, name: str) -> bool:
    """Whether the guess may be looked at, which it may once for each time it was counted."""
    now = clock.now()
    long_ago = now - limit.silence
    is_open = Q(count__lt=limit.guesses) | Q(last_at__lte=long_ago)
    rows = FailedAttempts.objects.filter(is_open, kind=limit.kind, key=key)
    more = Case(When(last_at__lte=long_ago, then=Value(1)), default=F("count") + 1)
    changes = {"count": more, "last_at": now, "is_reported": False}
    if rows.update(**changes):
        return True
    _, is_first = FailedAttempts.objects.get_or_create(
        kind=limit.kind,
        key=key,
        defaults={"last_at": now, "name": "" if limit is ADDRESS else _hash(_plain(name))},
    )
    # Somebody else may have made the row in between; then it is counted like any other.
    return is_first or bool(rows.update(**changes))


def _remaining(limit: Limit, key: str) -> timedelta:
    row = FailedAttempts.objects.filter(kind=limit.kind, key=key).first()
    if row is None or row.count < limit.guesses:
        return timedelta(0)
    return row.last_at + limit.silence - clock.now()


def _report(name: str, address: str, limit: Limit, key: str) -> None:
    """Once for each lock: its audit entry, if there is such a user."""
    rows = FailedAttempts.objects.filter(kind=limit.kind, key=key, is_reported=False)
    with transaction.atomic():
        if not rows.update(is_reported=True):
            return
        logger.warning("Sign-in is locked for a %s after %d failures.", limit.kind, limit.guesses)
        user = User.objects.filter(username=name).first()
        if user is not None:
            record(user, "signin.locked", by=limit.kind, address=address)


def _pair(name: str, address: str) -> str:
    return _hash(f"{_plain(name)}\n{network(address)}")


def _plain(name: str) -> str:
    return User.normalize_username(name).casefold()


def _hash(text: str) -> str:
    return salted_hmac("certmate.signin.lockout", text, algorithm="sha256").hexdigest()
