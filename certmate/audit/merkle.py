"""The Merkle tree of the log, and its proofs (RFC 9162 §2.1). Pure: hashes in, hashes out.

A tree of any size is answered from *tiles*: the hashes of 256 neighbours on every eighth level
(C2SP tlog-tiles), so that neither sealing nor a proof reads the history.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

TILE_LEVELS = 8
TILE = 1 << TILE_LEVELS
_CACHED_TILES = 64

Read = Callable[[int, int, int], Sequence[bytes]]
"""`read(level, start, count)`: the hashes of complete subtrees of 2**level leaves, level 0, 8, …"""


class ProofInvalid(Exception):
    """A proof does not lead to the root that it was given for."""


def leaf_hash(data: bytes) -> bytes:
    """RFC 9162 §2.1.1."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 9162 §2.1.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


EMPTY_ROOT = hashlib.sha256(b"").digest()


class Edge:
    """The right edge of a growing tree: the hashes of its complete subtrees, largest first.

    `completed` are those that the last leaf has completed, by level.
    """

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        self.completed: list[bytes] = []
        if len(self.peaks) != size.bit_count():
            raise ValueError("A tree has one complete subtree for each bit of its size.")

    def append(self, leaf: bytes) -> None:
        """Add one leaf."""
        size = self.size
        self.completed = [leaf]
        while size & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            self.completed.append(leaf)
            size >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self.peaks:
            return EMPTY_ROOT
        found = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            found = node_hash(peak, found)
        return found


class Tree:
    """A tree of `size` leaves whose hashes are read when they are needed.

    Of the first `pruned` leaves only `kept` is known: the hashes of the complete subtrees that
    they make up, by level and index.
    """

    def __init__(
        self,
        size: int,
        read: Read,
        *,
        pruned: int = 0,
        kept: Mapping[tuple[int, int], bytes] | None = None,
    ) -> None:
        self.size = size
        self._read = read
        self._pruned = pruned
        self._kept = dict(kept or {})
        self._tiles: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()

    def root(self, size: int | None = None) -> bytes:
        """The root when the tree had `size` leaves."""
        size = self.size if size is None else size
        return self._range(0, size) if size else EMPTY_ROOT

    def edge(self, size: int) -> Edge:
        """The right edge when the tree had `size` leaves."""
        return Edge(size, (self._perfect(*place) for place in peaks_of(size)))

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The inclusion proof of a leaf in the tree of `size` leaves (RFC 9162 §2.1.3.1)."""
        low, high = 0, self.size if size is None else size
        if not 0 <= index < high <= self.size:
            raise ValueError("There is no such leaf in a tree of this size.")
        path: list[bytes] = []
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low = middle
        return path[::-1]

    def consistency(self, first: int, second: int | None = None) -> list[bytes]:
        """The proof that the tree of `second` leaves begins with that of `first` (§2.1.4.1)."""
        low, high = 0, self.size if second is None else second
        if not 0 < first <= high <= self.size:
            raise ValueError("There were no trees of these sizes.")
        path: list[bytes] = []
        is_whole = True
        while first != high:
            middle = low + _split(high - low)
            if first <= middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low, is_whole = middle, False
        if not is_whole:
            path.append(self._range(low, high))
        return path[::-1]

    def _range(self, low: int, high: int) -> bytes:
        count = high - low
        if count & (count - 1) == 0:
            level = count.bit_length() - 1
            return self._perfect(level, low >> level)
        middle = low + _split(count)
        return node_hash(self._range(low, middle), self._range(middle, high))

    def _perfect(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree of 2**level leaves at this index."""
        kept = self._kept.get((level, index))
        if kept is not None:
            return kept
        if index << level < self._pruned:
            if level == 0:
                raise ValueError("That part of the tree was pruned.")
            left = self._perfect(level - 1, 2 * index)
            return node_hash(left, self._perfect(level - 1, 2 * index + 1))
        above = level % TILE_LEVELS
        first = index << above
        tile = self._tile(level - above, first // TILE)
        return tile[above][(first % TILE) >> above]

    def _tile(self, base: int, number: int) -> list[list[bytes]]:
        """The hashes of a tile, and of the complete subtrees in it, level by level.

        A tile that was cut into by pruning has a gap at its start.
        """
        found = self._tiles.get((base, number))
        if found is not None:
            self._tiles.move_to_end((base, number))
            return found
        start = number * TILE
        end = min(start + TILE, self.size >> base)
        first = max(start, -(-self._pruned >> base))
        rows: list[bytes] = [b""] * (first - start)
        rows += self._read(base, first, end - first)
        found = [rows]
        for _ in range(TILE_LEVELS - 1):
            below = found[-1]
            pairs = zip(below[::2], below[1::2], strict=False)
            found.append([node_hash(left, right) for left, right in pairs])
        self._tiles[base, number] = found
        if len(self._tiles) > _CACHED_TILES:
            self._tiles.popitem(last=False)
        return found


def peaks_of(size: int) -> list[tuple[int, int]]:
    """(level, index) of the complete subtrees of a tree of this size, largest first."""
    found, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            found.append((level, start >> level))
            start += 1 << level
    return found


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """RFC 9162 §2.1.3.2. Raises ProofInvalid."""
    if not 0 <= index < size:
        raise ProofInvalid("The leaf is not in a tree of this size.")
    position, last, found = index, size - 1, leaf
    for hash_ in path:
        if last == 0:
            raise ProofInvalid("The proof is too long.")
        if position & 1 or position == last:
            found = node_hash(hash_, found)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            found = node_hash(found, hash_)
        position >>= 1
        last >>= 1
    if last != 0 or found != root:
        raise ProofInvalid("The proof does not lead to the root.")


def verify_consistency(
    first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes
) -> None:
    """RFC 9162 §2.1.4.2. Raises ProofInvalid."""
    if not 0 < first <= second:
        raise ProofInvalid("There were no trees of these sizes.")
    if first == second:
        if path or first_root != second_root:
            raise ProofInvalid("Two trees of one size have different roots.")
        return
    hashes = list(path)
    if first & (first - 1) == 0:
        hashes.insert(0, first_root)
    if not hashes:
        raise ProofInvalid("The proof is empty.")
    position, last = first - 1, second - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old = new = hashes[0]
    for hash_ in hashes[1:]:
        if last == 0:
            raise ProofInvalid("The proof is too long.")
        if position & 1 or position == last:
            old, new = node_hash(hash_, old), node_hash(hash_, new)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, hash_)
        position >>= 1
        last >>= 1
    if last != 0 or old != first_root or new != second_root:
        raise ProofInvalid("The proof does not lead to both roots.")


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)
