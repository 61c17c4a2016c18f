"""What was refused, told without letting whoever is refused fill the log.

The first refusal of a kind to a caller is a row at once. The others within the next minutes are
counted, and told in one row when the while is over. A caller is an account, or for those who are
not signed in an address (an IPv6 network of /64 counts as one). Past `MOST` callers at a time the
rest share one tally a kind.
"""

import hashlib
import logging
from dataclasses import asdict
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from django.contrib.auth import get_user_model
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F

from certmate.audit.canonical import text
from certmate.audit.choices import ActorKind
from certmate.audit.context import Who, who_acts
from certmate.audit.models import Tally
from certmate.audit.services import record_about
from certmate.core import clock
from certmate.core.errors import CertMateError

WHILE = timedelta(minutes=10)
MOST = 500
LONGEST_NAME = 150
DENIED, SIGN_IN_FAILED = "access.denied", "user.sign_in_failed"

_OF_OTHERS = {"who": asdict(Who(ActorKind.ANONYMOUS)), "shown": "several callers"}

logger = logging.getLogger(__name__)


def denied(*, code: str, path: str) -> None:
    """Somebody who is signed in was refused something, or asked for what is not there for him.

    Both are told alike: a row about hidden objects alone would say by its time which exist.
    """
    who = who_acts()
    if who.id is not None:
        caller = f"{who.id} {who.token_id}"
        _tell(DENIED, caller, who, pk=who.id, shown=who.name, code=code, path=path[:200])


def sign_in_failed(name: str, address: str) -> None:
    """Somebody tried to sign in under this name; what he typed as a password is never asked for."""
    shown = text("".join(c if c.isprintable() else "?" for c in name[:LONGEST_NAME]))
    model = get_user_model()
    user = model._default_manager.filter(**{model.USERNAME_FIELD: shown}).first()
    pk = "" if user is None else user.pk
    network = _network(address)
    about = {"pk": pk, "shown": shown, "network": network}
    _tell(SIGN_IN_FAILED, network, Who(ActorKind.ANONYMOUS), **about)


def close_tallies() -> int:
    """Tell of what was counted in the whiles that are over; returns how many there were."""
    over = Tally.objects.filter(since__lte=clock.now() - WHILE)
    keys = list(over.values_list("pk", flat=True)[:MOST])
    for key in keys:
        with transaction.atomic():
            _close(key)
    return len(keys)


def _tell(event: str, caller: str, who: Who, **about: Any) -> None:
    try:
        with transaction.atomic():
            _count_or_write(event, caller, who, about)
    except (DatabaseError, CertMateError):
        # The refusal itself stands; failing here would tell the caller more than it should.
        logger.exception("A refusal could not be written to the audit log.")


def _count_or_write(event: str, caller: str, who: Who, about: dict[str, Any]) -> None:
    key, others = _key(event, caller), _key(event, "others")
    if _is_counted(key):
        return
    if Tally.objects.count() >= MOST:
        key = others
        if _is_counted(key):
            return
    _close(key)
    told = {"event": event, "who": asdict(who), **about}
    # What is counted together is nobody's in particular.
    counted = _OF_OTHERS | {"event": event} if key == others else told
    try:
        with transaction.atomic():
            Tally.objects.create(key=key, since=clock.now(), until=clock.now(), told=counted)
    except IntegrityError:
        _is_counted(key)
        return
    _write(told)


def _is_counted(key: str) -> bool:
    now = clock.now()
    running = Tally.objects.filter(key=key, since__gt=now - WHILE)
    return running.update(count=F("count") + 1, until=now) == 1


def _close(key: str) -> None:
    tally = Tally.objects.select_for_update().filter(key=key).first()
    if tally is None:
        return
    if tally.count:
        since, until = tally.since.isoformat(), tally.until.isoformat()
        _write({**tally.told, "repeated": tally.count, "since": since, "until": until})
    tally.delete()


def _write(told: dict[str, Any]) -> None:
    values = dict(told)
    who = Who(**values.pop("who"))
    record_about(get_user_model(), values.pop("event"), who=who, **values)


def _key(event: str, caller: str) -> str:
    return hashlib.sha256(f"{event}\n{caller}".encode()).hexdigest()


def _network(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    return str(ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
