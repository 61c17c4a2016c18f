"""Rows that are in the tables and not in the tree."""

from auditlog.models import LogEntry
from django.db.models import Exists, OuterRef

from certmate.audit.faults import Fault, Kind
from certmate.audit.models import Checkpoint, Event, Leaf, LogState, Unsealed
from certmate.audit.rows import found_by_id, is_marked


def first_stray(after: int) -> Fault | None:
    """The first row with an id above `after` that CertMate did not write, or that was kept from
    being sealed.
    """
    return _without_event(after) or _unsealed(after) or _gone(after)


def _without_event(after: int) -> Fault | None:
    rows = LogEntry.objects.filter(told=None, pk__gt=max(after, _to_adopt()))
    found = rows.order_by("pk").values_list("pk", flat=True).first()
    if found is None:
        return None
    if Unsealed.objects.filter(pk=found).exists():
        return Fault(Kind.DELETED, "The row's event was deleted before it was sealed.", found)
    return Fault(Kind.INSERTED, "CertMate has not written this row: it has no event.", found)


def _to_adopt() -> int:
    """Up to where rows are from before there was a seal, and still have to be taken over."""
    if Checkpoint.objects.exists():
        return 0
    state = LogState.objects.filter(pk=LogState.ONLY).first()
    return state.adopt_through if state else 0


def _unsealed(after: int) -> Fault | None:
    sealed = Exists(Leaf.objects.filter(entry_id=OuterRef("pk")))
    queued = Exists(Unsealed.objects.filter(pk=OuterRef("pk")))
    # One statement, because the sealer may be moving rows from the queue to the tree.
    rows = Event.objects.filter(~sealed, pk__gt=after).annotate(is_queued=queued)
    # Outer: an event whose entry was deleted is to be found as well.
    waiting = rows.order_by("pk").values_list("pk", "is_queued")
    for pk, is_queued in waiting.iterator(chunk_size=2000):
        found = found_by_id([pk])
        if not found:
            return Fault(Kind.DELETED, "The row was deleted before it was sealed.", pk)
        if not is_marked(found[0]):
            return Fault(Kind.INSERTED, "CertMate has not written this row: its mark is wrong.", pk)
        if not is_queued:
            return Fault(Kind.DELETED, "The row was taken out of what is to be sealed.", pk)
    return None


def _gone(after: int) -> Fault | None:
    there = Exists(Event.objects.filter(pk=OuterRef("pk")))
    rows = Unsealed.objects.filter(~there, pk__gt=after).order_by("pk")
    found = rows.values_list("pk", flat=True).first()
    if found is None:
        return None
    return Fault(Kind.DELETED, "The row was deleted before it was sealed.", found)
