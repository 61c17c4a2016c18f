"""Removing old rows without breaking the seal: a signed anchor states what the tree over them was.

Only whole checkpoints are pruned. The rows, their leaves and the nodes over them go; the hashes
that proofs of later rows need stay with the anchor.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from auditlog.models import LogEntry
from django.conf import settings
from django.db import transaction

from certmate.audit import keys, notes
from certmate.audit.models import Anchor, Checkpoint, Event, Leaf, Node
from certmate.audit.sealing import state
from certmate.audit.services import record
from certmate.audit.tree import tree
from certmate.core import clock
from certmate.core.errors import IntegrityFault, InvalidRequest

BATCH = 2000


def prune(*, before: datetime, progress: Callable[[int], None] = lambda done: None) -> int:
    """Remove the rows that were sealed before this time; returns how many.

    The newest checkpoint stays with its tree's edge, so at least the next row can be bound.
    Interrupted, it is finished by the next run. Raises InvalidRequest for a time in the future,
    IntegrityFault where the checkpoint up to which to prune is not what was signed.
    """
    if before > clock.now():
        raise InvalidRequest("The time is in the future.", code="audit.retention", field="before")
    last = Checkpoint.objects.filter(at__lt=before).order_by("-size").first()
    if last is None:
        return _remove(progress)
    anchor = Anchor.objects.order_by("-size").first()
    if anchor is None or anchor.size < last.size:
        _anchor(last, anchor, before)
    return _remove(progress)


def prune_by_setting() -> int:
    """Remove what is older than CERTMATE_AUDIT_RETENTION_DAYS; nothing where that is not set."""
    days = settings.CERTMATE_AUDIT_RETENTION_DAYS
    return prune(before=clock.now() - timedelta(days=days)) if days else 0


def _anchor(last: Checkpoint, earlier: Anchor | None, before: datetime) -> None:
    """State the tree over what is about to go, before anything does."""
    now = clock.now()
    edge = tree().edge(last.size)
    _require_signed(last, edge.root())
    adopted = _adopted(earlier)
    stated = notes.Checkpoint(
        origin=notes.origin_of(keys.public_key()),
        size=last.size,
        root=edge.root(),
        at=now,
        more={"pruned": notes.instant(before), **({"adopted": adopted} if adopted else {})},
    )
    with transaction.atomic():
        Anchor.objects.create(
            size=last.size,
            peaks=b"".join(edge.peaks),
            at=now,
            note=stated.signed(keys.signing_key()),
        )
        record(state(), "audit.pruned", before=notes.instant(before), size=last.size)


def _require_signed(last: Checkpoint, root: bytes) -> None:
    """Whoever could date a checkpoint back, or change the tree, would have us remove what shows
    it.
    """
    try:
        stated = notes.opened(last.note, keys.public_key())
    except notes.NoteInvalid as error:
        raise _not_signed(last) from error
    if (stated.size, stated.at, stated.root) != (last.size, last.at, root):
        raise _not_signed(last)


def _not_signed(last: Checkpoint) -> IntegrityFault:
    return IntegrityFault(
        f"The checkpoint of size {last.size} is not what was signed. Nothing was pruned.",
        code="audit.not_sealed",
    )


def _adopted(earlier: Anchor | None) -> str:
    """Up to which id rows are older than the seal, as the first statement of the log says."""
    first = earlier or Checkpoint.objects.order_by("size").first()
    return notes.parse(first.note).more.get("adopted", "") if first else ""


def _remove(progress: Callable[[int], None]) -> int:
    anchor = Anchor.objects.order_by("-size").first()
    if anchor is None:
        return 0
    total = 0
    while batch := _batch(anchor.size):
        with transaction.atomic():
            ids = [entry_id for _, entry_id in batch]
            Event.objects.filter(pk__in=ids).delete()
            LogEntry.objects.filter(pk__in=ids).delete()
            Leaf.objects.filter(position__lte=batch[-1][0]).delete()
        total += len(batch)
        progress(total)
    Checkpoint.objects.filter(size__lt=anchor.size).delete()
    for level in Node.objects.values_list("level", flat=True).distinct().order_by("level"):
        Node.objects.filter(level=level, index__lt=anchor.size >> level).delete()
    Anchor.objects.filter(size__lt=anchor.size).delete()
    return total


def _batch(size: int) -> list[tuple[int, int]]:
    leaves = Leaf.objects.filter(position__lt=size).order_by("position")
    return list(leaves.values_list("position", "entry_id")[:BATCH])
