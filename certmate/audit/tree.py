"""The tree as it stands in the database."""

from collections.abc import Sequence

from certmate.audit import merkle
from certmate.audit.models import Anchor, Checkpoint, Leaf, Node


class BrokenTree(Exception):
    """Hashes that should be in the database are not there."""


def size() -> int:
    """How many rows are sealed, pruned ones included: what the last checkpoint says."""
    return Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0


def tree(count: int | None = None) -> merkle.Tree:
    """The tree of `count` leaves; by default that of the last checkpoint."""
    anchor = Anchor.objects.order_by("-size").first()
    return merkle.Tree(
        size() if count is None else count,
        read,
        pruned=anchor.size if anchor else 0,
        kept=kept(anchor) if anchor else None,
    )


def kept(anchor: Anchor) -> dict[tuple[int, int], bytes]:
    """What an anchor knows of the pruned part."""
    hashes = bytes(anchor.peaks)
    places = merkle.peaks_of(anchor.size)
    return {place: hashes[32 * n : 32 * n + 32] for n, place in enumerate(places)}


def read(level: int, start: int, count: int) -> Sequence[bytes]:
    """The hashes of neighbours on a level that is kept. Raises BrokenTree if one is missing."""
    if level == 0:
        leaves = Leaf.objects.filter(position__gte=start, position__lt=start + count)
        found = list(leaves.order_by("position").values_list("hash", flat=True))
    else:
        nodes = Node.objects.filter(level=level, index__gte=start, index__lt=start + count)
        found = list(nodes.order_by("index").values_list("hash", flat=True))
    hashes = [bytes(hash_) for hash_ in found]
    if len(hashes) != count:
        raise BrokenTree(f"Hashes of level {level} from {start} on are missing.")
    return hashes
