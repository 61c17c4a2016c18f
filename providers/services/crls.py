"""CRLs: which are due, and who makes them."""

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.audit.services import record as audit
from certmate.core import clock
from certmate.core.claims import claim
from certmate.core.errors import CertMateError, Conflict, IntegrityFault, UpstreamUnavailable
from certmate.core.jobs import enqueue
from certmate.core.stopping import Turn
from providers.authority.custody import CUSTODIES
from providers.choices import KeyState
from providers.models import CRL, Authority, AuthorityKey, CRLChange, CRLShard
from providers.services.crl_changes import PUBLISH_CRLS
from providers.services.crl_making import make

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
"""A million entries on one CRL take a fraction of it."""
MOST_WOKEN = 32
"""So many messages reach each of many workers; one that finds nothing to do costs nothing."""

_failed: dict[int, str] = {}
"""What each CRL failed with last, in this process: told once, and not each minute."""


def publish_crls(*, actor: Actor, authority: Authority, passphrase: str = "") -> list[CRL]:
    """Make all CRLs of the authority now, those of its earlier keys included.

    Raises InvalidRequest (`authority.passphrase`) where the key needs one, and Conflict
    (`authority.not_ready`, `crl.busy`).
    """
    policy.require(actor, Verb.SIGN, authority)
    keys = _publishing(authority)
    if not keys:
        raise Conflict(
            f"The authority {authority} has no certificate yet.", code="authority.not_ready"
        )
    made: list[CRL] = []
    busy = None
    for key in keys:
        for shard in key.shards:
            try:
                made.append(publish(key, shard, passphrase))
            except Conflict as conflict:
                busy = conflict
    with transaction.atomic():
        audit(authority, "authority.crls_published", crls=len(made))
    if busy is not None:
        raise busy
    return made


def publish(key: AuthorityKey, shard: int, passphrase: str = "") -> CRL:
    """Make the next CRL of this shard, due or not, and put it in the place of the one before it.

    Raises IntegrityFault for a shard of another key: whatever stands on that would be forgotten;
    and Conflict (`crl.busy`) while another worker makes it.
    """
    if shard not in key.shards:
        raise IntegrityFault(f"{key} has no CRL {shard}.")
    row = _shards().get(key=key, shard=shard)
    made = _publish(row, Q(), passphrase)
    if made is None:
        raise Conflict(
            f"{row} of {key} is being made at this moment; try again soon.", code="crl.busy"
        )
    return made


def publish_shard(key_id: UUID, shard: int) -> None:
    """Make one CRL if it is due, and again while changes come in.

    Nothing to do is no error: messages come late, or twice, and another worker may be at it.
    """
    turn = Turn()
    while (row := _due().filter(key=key_id, shard=shard).first()) is not None:
        if _publish(row, _is_due()) is None or turn.is_over():
            return


def publish_due(tell: Callable[[CRL], None] | None = None, turn: Turn | None = None) -> int:
    """Make the CRLs that are due, and `tell` of each; returns how many. Without a turn all of them.

    One that fails stops no other, but a key that is away is not asked for its next CRL in the same
    run. Authorities whose key needs a passphrase are left to people.
    """
    count, away = 0, set[UUID]()
    for row in list(_due()):
        if turn is not None and turn.is_over():
            break
        if row.key_id in away:
            continue
        try:
            made = _publish(row, _is_due())
        except CertMateError as error:
            if isinstance(error, UpstreamUnavailable):
                away.add(row.key_id)
            _warn(row, error)
            continue
        if made is not None:
            _failed.pop(row.pk, None)
            count += 1
            if tell is not None:
                tell(made)
    return count


def _warn(row: CRLShard, error: CertMateError) -> None:
    """Once until it fails with something else, or is made."""
    if _failed.get(row.pk) != error.code:
        _failed[row.pk] = error.code
        logger.warning("CRL %s of %s was not made: %s", row, row.key, error)


def hand_out_due() -> int:
    """Have the CRLs that are due made by all workers together, which share them by their leases;
    returns how many messages were sent.

    What has changed about certificates of a key that is over is told by nobody any more.
    """
    CRLChange.objects.filter(key__not_after__lte=clock.now()).delete()
    due = _due().values("pk")[:MOST_WOKEN].count()
    for _ in range(due):
        enqueue(PUBLISH_CRLS)
    return due


def _publish(row: CRLShard, wanted: Q, passphrase: str = "") -> CRL | None:
    """None if another worker holds the shard, or it is no longer as `wanted`."""
    now = clock.now()
    is_free = Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=now)
    # No join: PostgreSQL looks again at a row that it has waited for, but not at a subquery.
    token = claim(CRLShard.objects.filter(is_free, wanted), row.pk, lease=LEASE, now=now)
    if token is None:
        return None
    try:
        return make(_shards().get(pk=row.pk), token, passphrase)
    except BaseException:
        held = CRLShard.objects.filter(pk=row.pk, lease_token=token)
        held.update(lease_token=None, lease_expires_at=None)
        raise


def _due() -> QuerySet[CRLShard]:
    """What has a change to tell or is at half of its validity, by keys that sign by themselves."""
    offline = [slug for slug, custody in CUSTODIES.items() if custody.needs_passphrase]
    rows = _shards().filter(_is_due(), key__not_after__gt=clock.now())
    return rows.exclude(key__authority__custody__in=offline).order_by("due_at", "pk")


def _is_due() -> Q:
    changes = CRLChange.objects.filter(key=OuterRef("key"), shard=OuterRef("shard"), is_told=False)
    return Q(due_at__lte=clock.now()) | Q(Exists(changes))


def _shards() -> QuerySet[CRLShard]:
    return CRLShard.objects.select_related("key__authority")


def _publishing(authority: Authority) -> list[AuthorityKey]:
    keys = authority.keys.select_related("authority").exclude(state=KeyState.WAITING)
    return list(keys.exclude(cert="").filter(not_after__gt=clock.now()).order_by("number"))
