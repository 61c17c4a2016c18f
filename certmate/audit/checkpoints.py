"""The signed part of the log under verification: key, anchor, checkpoints, and their copies."""

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from certmate.audit import keys, notes, sinks
from certmate.audit.faults import Fault, FaultFound, Kind
from certmate.audit.merkle import Edge
from certmate.audit.models import Anchor, Checkpoint, Leaf, LogKey
from certmate.audit.rows import Row
from certmate.audit.tree import tree

TOLERANCE = timedelta(minutes=15)
"""A row is sealed within a minute of its time. Much later than the checkpoint before it, it was
written with a time that it did not have."""

_TAIL = 4 * 1024 * 1024
_LOT = 500


def key_fault() -> Fault | None:
    """Whether the keys are those that were used from the beginning."""
    known = set(LogKey.objects.values_list("pk", flat=True))
    newest = Checkpoint.objects.order_by("-size").first()
    missing = {keys.MARK, keys.SIGNING} - known
    if missing:
        was_used = newest is not None or sinks.pinned_key() is not None
        return Fault(Kind.KEY, "A key of the log was removed.") if was_used else None
    public = keys.public_key()
    if LogKey.objects.get(pk=keys.SIGNING).public != base64.b64encode(public).decode():
        return Fault(Kind.KEY, "The public key does not belong to the private one.")
    pinned = sinks.pinned_key()
    if pinned is not None and pinned != public:
        return Fault(Kind.KEY, "The signing key is not the one in the data directory.")
    return _stranger(newest.note, public) if newest else None


def _stranger(note: str, public: bytes) -> Fault | None:
    """Whether the newest checkpoint was made with other keys; its form is looked at later."""
    stated = notes.parse_or_none(note)
    if stated is not None and stated.origin != notes.origin_of(public):
        return Fault(Kind.KEY, "The newest checkpoint is of another signing key.")
    if stated is not None and stated.more.get("mark") != keys.mark_id():
        return Fault(Kind.KEY, "The key of the rows' marks is not the one that sealed them.")
    return None


class Ladder:
    """The checkpoints from `start` on, each held against the tree when it has grown to its size."""

    def __init__(self, start: int) -> None:
        self.public = keys.public_key()
        self.size = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
        self.anchor = Anchor.objects.order_by("-size").first()
        self.start = max(start, self.anchor.size if self.anchor else 0)
        self.adopted = 0
        self._last: Checkpoint | None = None
        self._last_at: datetime | None = None
        self.edge = self._foot()
        rows = Checkpoint.objects.filter(size__gt=self.start, size__lte=self.size)
        self._rest = rows.order_by("size").iterator(chunk_size=500)
        self._next = next(self._rest, None)

    def climb(self, row: Row) -> None:
        """The tree has taken in this row."""
        if self._is_late(row) and row.entry_id > self.adopted:
            detail = "The row was written long after the time that it states."
            raise FaultFound(Fault(Kind.INSERTED, detail, row.entry_id, row.position))
        if self._next is not None and self._next.size == self.edge.size:
            self._check(self._next)
            self._next = next(self._rest, None)

    def _is_late(self, row: Row) -> bool:
        if self._last_at is None:
            return False
        # Where the machine's clock was put back, the next checkpoint says so, signed.
        known = self._last_at if self._next is None else min(self._last_at, self._next.at)
        return row.at < known - TOLERANCE

    def arrive(self) -> None:
        """There are no more rows."""
        top = Leaf.objects.order_by("-position").values_list("position", flat=True).first()
        if self._next is not None:
            detail = f"A checkpoint states {self._next.size} rows; {self.edge.size} are left."
            raise FaultFound(Fault(Kind.TRUNCATED, detail, position=self.edge.size))
        newest = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
        if top is not None and top >= newest:
            detail = "Rows are sealed that no checkpoint states: the newest checkpoint was removed."
            raise FaultFound(Fault(Kind.TRUNCATED, detail, position=newest))

    def opened(self, note: str, where: str) -> notes.Checkpoint:
        """What a signed note states. Raises FaultFound."""
        try:
            return notes.opened(note, self.public)
        except notes.NoteInvalid as error:
            raise FaultFound(Fault(Kind.FORGED, f"{where}: {error}")) from None

    def _foot(self) -> Edge:
        """The tree at the start, as the anchor or a checkpoint states it."""
        edge = self._anchored() if self.anchor else Edge()
        if self.start > edge.size:
            edge = tree(self.size).edge(self.start)
        foot = Checkpoint.objects.filter(size=self.start).first() if self.start else None
        if foot is not None:
            stated = self._stated(foot)
            self._compare(foot, stated, edge.root())
            self._climbed(foot, stated)
        elif self.start:
            where = f"The checkpoint of size {self.start} was removed."
            raise FaultFound(Fault(Kind.DELETED, where, position=self.start))
        return edge

    def _anchored(self) -> Edge:
        assert self.anchor is not None  # noqa: S101
        size, hashes = self.anchor.size, bytes(self.anchor.peaks)
        where = f"The anchor of size {size}"
        stated = self.opened(self.anchor.note, where)
        try:
            edge = Edge(size, (hashes[n : n + 32] for n in range(0, len(hashes), 32)))
        except ValueError:
            raise FaultFound(Fault(Kind.FORGED, f"{where} was changed.")) from None
        if stated.size != size or stated.root != edge.root() or "pruned" not in stated.more:
            raise FaultFound(Fault(Kind.FORGED, f"{where} was changed."))
        self.adopted = int(stated.more.get("adopted", "0"))
        return edge

    def _check(self, checkpoint: Checkpoint) -> None:
        stated = self._stated(checkpoint)
        previous = notes.digest(self._last.note) if self._last else "-"
        if stated.more.get("previous") != previous:
            detail = (
                f"The checkpoint before that of size {checkpoint.size} was removed or replaced."
            )
            raise FaultFound(Fault(Kind.FORGED, detail, position=self.edge.size))
        self._compare(checkpoint, stated, self.edge.root())
        self._climbed(checkpoint, stated)

    def _stated(self, checkpoint: Checkpoint) -> notes.Checkpoint:
        where = f"The checkpoint of size {checkpoint.size}"
        stated = self.opened(checkpoint.note, where)
        row = (checkpoint.size, bytes(checkpoint.root), checkpoint.at)
        if (stated.size, stated.root, stated.at) != row:
            raise FaultFound(Fault(Kind.FORGED, f"{where} is not what was signed."))
        return stated

    def _climbed(self, checkpoint: Checkpoint, stated: notes.Checkpoint) -> None:
        self._last, self._last_at = checkpoint, stated.at
        self.adopted = self.adopted or int(stated.more.get("adopted", "0"))

    def _compare(self, checkpoint: Checkpoint, stated: notes.Checkpoint, root: bytes) -> None:
        if stated.root != root:
            low = self._last.size if self._last else self.start
            raise FaultFound(_rebuilt(low, checkpoint.size, self.size))


def _rebuilt(low: int, high: int, size: int) -> Fault:
    """What was done to a part of the tree whose rows are all genuine and whose root is wrong."""
    leaves = Leaf.objects.filter(position__gte=low, position__lt=high).order_by("position")
    before = 0
    for position, entry_id in leaves.values_list("position", "entry_id"):
        if entry_id < before:
            detail = "Rows were put into another order."
            return Fault(Kind.REORDERED, detail, entry_id, position)
        before = entry_id
    top = Leaf.objects.order_by("-position").values_list("position", flat=True).first() or 0
    kind = Kind.DELETED if top + 1 < size else Kind.REORDERED
    detail = f"The rows from position {low} to {high - 1} are not those that were sealed there."
    return Fault(kind, detail, position=low)


def outside_fault(ladder: Ladder, outside: str) -> Fault | None:
    """Hold the copies outside the database against it: whoever cut the log off could not cut
    those.
    """
    files = [sinks.path(), *([Path(outside)] if outside else [])]
    for path in files:
        kept = notes_in(path, whole=ladder.start == 0 or path != sinks.path())
        while lot := list(islice(kept, _LOT)):
            for note in _unknown(lot):
                if fault := _copy_fault(ladder, note, path.name):
                    return fault
    return None


def _unknown(lot: Sequence[str]) -> list[str]:
    """Those that are not word for word in the database, whose own were looked at before."""
    stated = filter(None, map(notes.parse_or_none, lot))
    rows = Checkpoint.objects.filter(size__in=[note.size for note in stated])
    known = set(rows.values_list("note", flat=True))
    return [note for note in lot if note not in known]


def notes_in(path: Path, *, whole: bool) -> Iterator[str]:
    """The notes of a file, or of its last part."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        length = stream.seek(0, 2)
        stream.seek(0 if whole else max(0, length - _TAIL))
        if stream.tell():
            stream.readline()  # Half a line.
        for line in stream:
            try:
                yield str(json.loads(line)["note"])
            except (ValueError, KeyError, TypeError):
                # A machine that lost power may leave half a line; what follows counts.
                continue


def _copy_fault(ladder: Ladder, note: str, name: str) -> Fault | None:
    stated = ladder.opened(note, f"A checkpoint in {name}")
    if stated.size > ladder.size:
        newest = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
        if stated.size > newest:
            detail = f"{name} has a checkpoint of {stated.size} rows; the log has {newest}."
            return Fault(Kind.TRUNCATED, detail, position=newest)
    if stated.size <= ladder.start:
        return None
    row = Checkpoint.objects.filter(size=stated.size).values_list("note", flat=True).first()
    if row != note:
        detail = f"{name} has another checkpoint of size {stated.size} than the log."
        return Fault(Kind.FORGED, detail, position=stated.size)
    return None
