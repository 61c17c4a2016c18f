"""Binding new rows into the tree, and signing what it then is.

One writer at a time holds the row of LogState by lease. A batch is one transaction: leaves, the
nodes that became complete, the checkpoint, and the queue's rows gone; so a crash between any two
lines seals nothing or all of it, and nothing twice. Earlier rows are never read again.
"""

import logging
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from certmate.audit import keys, merkle, notes, sinks
from certmate.audit.adoption import adopt
from certmate.audit.denials import close_tallies
from certmate.audit.models import Checkpoint, Event, Leaf, LogState, Node, Unsealed
from certmate.audit.rows import ID, data_of, found_by_id
from certmate.audit.tree import tree
from certmate.core import claims, clock

logger = logging.getLogger(__name__)

BATCH = 2000
BATCHES_AT_ONCE = 50
LEASE = timedelta(seconds=60)


def seal() -> int:
    """Seal what waits, and pass the newest checkpoint on; returns how many rows were sealed.

    Returns 0 at once while another process is at it.
    """
    token = _claim()
    if token is None:
        return 0
    sealed = 0
    try:
        close_tallies()
        adopt(lambda: _hold(token))
        for _ in range(BATCHES_AT_ONCE):
            count = _seal_batch(token)
            sealed += count
            if count < BATCH:
                break
        sinks.deliver()
    finally:
        LogState.objects.filter(pk=LogState.ONLY, lease_token=token).update(
            lease_token=None, lease_expires_at=None
        )
    return sealed


def state() -> LogState:
    """The log's own row."""
    return LogState.objects.get_or_create(pk=LogState.ONLY)[0]


def _claim() -> uuid.UUID | None:
    now = clock.now()
    state()
    free = LogState.objects.filter(Q(lease_token=None) | Q(lease_expires_at__lt=now))
    return claims.claim(free, LogState.ONLY, lease=LEASE, now=now)


def _hold(token: uuid.UUID) -> None:
    claims.fenced(LogState, LogState.ONLY, token, lease_expires_at=clock.now() + LEASE)


def _seal_batch(token: uuid.UUID) -> int:
    # A row that was deleted before it was sealed stays in the queue, where verification finds it.
    there = Event.objects.filter(pk=OuterRef("pk"), entry__action__isnull=False)
    waiting = Unsealed.objects.filter(Exists(there)).order_by("pk").values_list("pk", flat=True)
    hashes = leaf_hashes(list(waiting[:BATCH]))
    if not hashes:
        return 0
    rows = sorted(hashes.items())
    with transaction.atomic():
        _hold(token)
        _append(rows)
        Unsealed.objects.filter(pk__in=list(hashes)).delete()
    return len(rows)


def leaf_hashes(ids: Sequence[int]) -> dict[int, bytes]:
    """The leaf hashes of these rows, as they are in the database, without those that have none."""
    hashes = {}
    for found in found_by_id(ids):
        try:
            hashes[found[ID]] = merkle.leaf_hash(data_of(found))
        except (ValueError, TypeError, RecursionError):
            # CertMate writes nothing like it: it stays in the queue, where verification finds it.
            logger.error("Audit row %s cannot be sealed; run verify_audit.", found[ID])
    return hashes


def _append(rows: Sequence[tuple[int, bytes]]) -> None:
    last = Checkpoint.objects.order_by("-size").first()
    before = last.size if last else 0
    after = before + len(rows)
    Leaf.objects.bulk_create(
        [Leaf(position=before + n, entry_id=pk, hash=hash_) for n, (pk, hash_) in enumerate(rows)],
        batch_size=500,
    )
    edge = tree(before).edge(before)
    Node.objects.bulk_create(_completed(edge, (hash_ for _, hash_ in rows)), batch_size=500)
    _sign(after, edge.root(), last)


def _completed(edge: merkle.Edge, hashes: Iterable[bytes]) -> list[Node]:
    """Add the leaves to the edge; the subtrees that become complete and are kept."""
    found = []
    for hash_ in hashes:
        edge.append(hash_)
        for level in range(merkle.TILE_LEVELS, len(edge.completed), merkle.TILE_LEVELS):
            index = (edge.size >> level) - 1
            found.append(Node(level=level, index=index, hash=edge.completed[level]))
    return found


def _sign(size: int, root: bytes, last: Checkpoint | None) -> None:
    at = clock.now()
    more = {"previous": notes.digest(last.note) if last else "-", "mark": keys.mark_id()}
    if last is None and (adopted := state().adopt_through):
        # Rows up to here are older than the log is sealed.
        more["adopted"] = str(adopted)
    origin = notes.origin_of(keys.public_key())
    stated = notes.Checkpoint(origin=origin, size=size, root=root, at=at, more=more)
    note = stated.signed(keys.signing_key())
    Checkpoint.objects.create(size=size, root=root, at=at, note=note)
