#!/usr/bin/env python3
"""Verify an audit export of CertMate (JSON lines) without CertMate.

    python3 verify_export.py export.jsonl --public-key KEY [--checkpoints checkpoints.log]

It needs Python 3.9 or newer and nothing else. KEY is the base64 text of `audit/public-key` in
CertMate's data directory; keep it where nobody who can write to CertMate can. Exit status 0 if
everything fits, 1 and the first thing that does not, 2 if the export cannot be read.

What is checked: the signature of the checkpoint; that each row leads to the checkpoint's root hash
(RFC 9162 section 2.1), by all rows together or by the row's own inclusion proof; that no row is
missing from a complete export. A filtered export cannot show that no row was left out of it.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

DASH = "\N{EM DASH}"


class Refused(Exception):
    """The export is not what CertMate has sealed."""


# Ed25519, verification only (RFC 8032 section 5.1).
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]


def recovered_x(y: int, sign: int) -> int:
    """Section 5.1.3."""
    squared = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(squared, (P + 3) // 8, P)
    if (x * x - squared) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if y >= P or (x * x - squared) % P or (x == 0 and sign):
        raise Refused("A key or signature is no point of the curve.")
    return P - x if x & 1 != sign else x


def point(data: bytes) -> Point:
    number = int.from_bytes(data, "little")
    y = number & (2**255 - 1)
    x = recovered_x(y, number >> 255)
    return x, y, 1, x * y % P


def added(one: Point, other: Point) -> Point:
    """Section 5.1.4."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiplied(factor: int, base: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            found = added(found, base)
        base = added(base, base)
        factor >>= 1
    return found


BASE_Y = 4 * pow(5, -1, P) % P
BASE = point(BASE_Y.to_bytes(32, "little"))


def check_signature(public_key: bytes, signature: bytes, message: bytes) -> None:
    """Section 5.1.7."""
    if len(public_key) != 32 or len(signature) != 64:
        raise Refused("A key or signature has the wrong length.")
    factor = int.from_bytes(signature[32:], "little")
    hashed = hashlib.sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(hashed, "little") % ORDER
    left = multiplied(factor, BASE)
    right = added(point(signature[:32]), multiplied(challenge, point(public_key)))
    is_same = all((left[axis] * right[2] - right[axis] * left[2]) % P == 0 for axis in (0, 1))
    if factor >= ORDER or not is_same:
        raise Refused("The signature of a checkpoint is not valid.")


def leaf_hash(data: bytes) -> bytes:
    """RFC 9162 section 2.1.1."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def encode(entry: Any) -> bytes:
    """The bytes that were sealed."""
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


class Edge:
    """A growing tree: the hashes of its complete subtrees, largest first."""

    def __init__(self, size: int, peaks: Iterable[bytes]) -> None:
        self.size, self.peaks = size, list(peaks)
        if len(self.peaks) != bin(size).count("1"):
            raise Refused("The anchor does not fit its size.")

    def append(self, leaf: bytes) -> None:
        size = self.size
        while size & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            size >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        found = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            found = node_hash(peak, found)
        return found


def root_by_proof(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root to which an inclusion proof leads (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        raise Refused(f"Position {index} is not in a tree of {size} rows.")
    last = size - 1
    for hash_ in path:
        if last == 0:
            raise Refused("A proof is too long.")
        if index & 1 or index == last:
            leaf = node_hash(hash_, leaf)
            while index and not index & 1:
                index >>= 1
                last >>= 1
        else:
            leaf = node_hash(leaf, hash_)
        index >>= 1
        last >>= 1
    if last != 0:
        raise Refused("A proof is too short.")
    return leaf


def opened(note: str, public_key: bytes) -> tuple[int, bytes]:
    """(size, root) of a signed note, after its signature was found to be valid."""
    text, _, signature = note.partition("\n\n")
    origin = "certmate-audit-" + hashlib.sha256(public_key).hexdigest()[:16]
    start = f"{DASH} {origin} "
    lines = text.split("\n")
    if lines[0] != origin or not signature.startswith(start):
        raise Refused("A checkpoint is of another key.")
    given = base64.b64decode(signature[len(start) :].strip(), validate=True)
    check_signature(public_key, given[4:], f"{text}\n".encode())
    return int(lines[1]), base64.b64decode(lines[2], validate=True)


def verify(lines: Iterator[str], pinned: bytes, kept: list[str]) -> str:
    """What to tell of the export. `kept` are the lines of a file of checkpoints."""
    header = json.loads(next(lines))
    if header.get("type") != "certmate-audit-export" or header.get("version") != 1:
        raise ValueError("This is no audit export that this program knows.")
    public_key = base64.b64decode(header["public_key"], validate=True)
    if pinned and pinned != public_key:
        raise Refused("The export is signed with another key than the one you keep.")
    if not header["checkpoint"]:
        raise Refused("Nothing in this export is sealed.")
    size, root = opened(header["checkpoint"], public_key)
    if header["complete"]:
        roots = dict(opened(note, public_key) for note in notes_in(kept))
        if max(roots, default=0) > size:
            raise Refused(f"You keep a checkpoint of {max(roots)} rows; the export has {size}.")
        count = verify_all(lines, header, public_key, {**roots, size: root})
    else:
        count = verify_some(lines, size, root)
    what = "All" if header["complete"] else "Of a filtered export all"
    return f"{what} {count} entries are as they were sealed (tree of {size}).\n"


def notes_in(kept: list[str]) -> Iterator[str]:
    """A machine that lost power may have left half a line; what follows counts."""
    for line in kept:
        try:
            note = json.loads(line)["note"]
        except (ValueError, KeyError, TypeError):
            continue
        yield str(note)


def verify_all(
    lines: Iterator[str], header: dict[str, Any], public_key: bytes, roots: dict[int, bytes]
) -> int:
    edge = Edge(0, [])
    if header["anchor"]:
        start, root = opened(header["anchor"], public_key)
        edge = Edge(start, [base64.b64decode(peak) for peak in header["peaks"]])
        if edge.root() != root:
            raise Refused("The anchor does not fit its root.")
    start = edge.size
    for row in rows(lines):
        position, entry = row["position"], row["entry"]
        if position != edge.size or entry is None:
            raise Refused(f"The entry at position {edge.size} is missing.")
        edge.append(leaf_hash(encode(entry)))
        if edge.size in roots and edge.root() != roots.pop(edge.size):
            raise Refused(f"An entry before position {edge.size} was changed.")
    if any(size > edge.size for size in roots):
        raise Refused(f"Entries from position {edge.size} on are missing.")
    return edge.size - start


def verify_some(lines: Iterator[str], size: int, root: bytes) -> int:
    count = 0
    for row in rows(lines):
        path = [base64.b64decode(hash_, validate=True) for hash_ in row["proof"]]
        if root_by_proof(leaf_hash(encode(row["entry"])), row["position"], size, path) != root:
            raise Refused(f"The entry {row['entry']['id']} is not the one that was sealed.")
        count += 1
    return count


def rows(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The rows, up to the line that counts them."""
    for count, line in enumerate(lines):
        row = json.loads(line)
        if row.get("type") == "end":
            if row["entries"] != count:
                raise Refused(f"The export says {row['entries']} entries and has {count}.")
            return
        yield row
    raise Refused("The end of the export is missing.")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("export", help="the JSON lines file, - for standard input")
    parser.add_argument("--public-key", default="", help="base64, as you keep it")
    parser.add_argument("--checkpoints", help="a file of checkpoints, as you keep it")
    asked = parser.parse_args()
    try:
        pinned = base64.b64decode(asked.public_key, validate=True)
        kept = Path(asked.checkpoints).read_text("utf-8").splitlines() if asked.checkpoints else []
        # 0 is standard input.
        with open(0 if asked.export == "-" else asked.export, encoding="utf-8") as stream:  # noqa: PTH123
            told = verify(iter(stream), pinned, kept)
    except Refused as error:
        sys.stdout.write(f"NOT what was sealed: {error}\n")
        return 1
    except (OSError, ValueError, KeyError, TypeError, StopIteration, binascii.Error) as error:
        sys.stderr.write(f"The export cannot be read: {error}\n")
        return 2
    sys.stdout.write(told)
    if not pinned:
        sys.stdout.write("Give --public-key to be sure that it was CertMate that sealed them.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
