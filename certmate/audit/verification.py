"""Whether the log is what was sealed: every row, its mark, its leaf, the tree, every checkpoint,
and the copy of the checkpoints outside the database.

Rows are streamed as tuples in the order of the tree; the first that is wrong ends the look.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from certmate.audit.checkpoints import Ladder, key_fault, outside_fault
from certmate.audit.faults import Fault, FaultFound, Kind
from certmate.audit.models import Anchor, Checkpoint, Leaf, LogState, Unsealed
from certmate.audit.rows import looker, rows_of
from certmate.audit.strays import first_stray
from certmate.audit.tree import BrokenTree
from certmate.core import clock
from certmate.core.secrets import SecretUnreadable

CHUNK = 2000
RECENT = 20_000
"""Rows that a request looks at: about a second."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Report:
    """What a look at the log has found. `start` is the first row that was looked at."""

    fault: Fault | None
    start: int
    size: int
    unsealed: int
    anchor: int

    @property
    def is_sound(self) -> bool:
        return self.fault is None


def verify(
    *, start: int = 0, outside: str = "", progress: Progress = lambda done, total: None
) -> Report:
    """Look at the sealed rows from position `start` on (a checkpoint's size), and at all
    checkpoints there.

    `outside` is a file of checkpoints kept elsewhere, besides the one in the data directory.
    """
    anchor = _anchor()
    fault = _fault(start, outside, progress)
    if fault is not None and _anchor() != anchor:
        # What looked deleted was pruned while we looked.
        anchor = _anchor()
        fault = _fault(start, outside, progress)
    newest = Checkpoint.objects.order_by("-size").first()
    return Report(
        fault=fault,
        start=max(start, anchor),
        size=newest.size if newest else 0,
        unsealed=Unsealed.objects.count(),
        anchor=anchor,
    )


def _anchor() -> int:
    return Anchor.objects.order_by("-size").values_list("size", flat=True).first() or 0


def _fault(start: int, outside: str, progress: Progress) -> Fault | None:
    try:
        _verify(start, outside, progress)
    except FaultFound as found:
        return found.fault
    except SecretUnreadable:
        return Fault(Kind.KEY, "The log's keys do not open under the master key.")
    except BrokenTree as error:
        return Fault(Kind.DELETED, f"Part of the tree was removed. {error}")
    return None


def verify_recent() -> Report:
    """As much of the newest part as a request has time for."""
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None or newest.size <= RECENT:
        return verify()
    earlier = Checkpoint.objects.filter(size__lte=newest.size - RECENT)
    start = earlier.order_by("-size").values_list("size", flat=True).first()
    return verify(start=start or 0)


def verify_fully(progress: Progress = lambda done, total: None, outside: str = "") -> Report:
    """The whole log; what was found stays on the log's page until the next time."""
    report = verify(progress=progress, outside=outside)
    LogState.objects.update_or_create(
        pk=LogState.ONLY,
        defaults={
            "verified_at": clock.now(),
            "verified_size": report.size,
            "fault": asdict(report.fault) if report.fault else None,
        },
    )
    return report


def _verify(start: int, outside: str, progress: Progress) -> None:
    if fault := key_fault():
        raise FaultFound(fault)
    ladder = Ladder(start)
    edge = ladder.edge
    first, look_at = edge.size, looker()
    for row in rows_of(edge.size, ladder.size, CHUNK):
        look_at(row, edge.size)
        edge.append(row.leaf)
        ladder.climb(row)
        if edge.size % CHUNK == 0:
            progress(edge.size, ladder.size)
    ladder.arrive()
    progress(edge.size, ladder.size)
    after = 0 if start == 0 else _entry_at(first)
    for fault in (outside_fault(ladder, outside), first_stray(after)):
        if fault:
            raise FaultFound(fault)


def _entry_at(position: int) -> int:
    leaf = Leaf.objects.filter(position=position).values_list("entry_id", flat=True).first()
    return leaf or 0
