"""Checkpoints and anchors as text: signed notes in the form of C2SP tlog-checkpoint.

    certmate-audit-1f2e3d4c5b6a7980
    2048
    <base64 of the root hash>
    at 2026-11-24T02:00:00.000000Z
    previous <base64 of the SHA-256 of the checkpoint before it, or ->

    — certmate-audit-1f2e3d4c5b6a7980 <base64 of the key hash and the Ed25519 signature>

The first line is the log's name, made from its public key. What is signed are the lines above the
empty one, the last line's end included.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from certmate.pki import signatures

_ED25519 = b"\x01"
_DASH = "\N{EM DASH}"


class NoteInvalid(Exception):
    """A note is not in the form of one, or not signed by the key it should be."""


def origin_of(public_key: bytes) -> str:
    """The name of the log whose checkpoints this key signs."""
    return f"certmate-audit-{hashlib.sha256(public_key).hexdigest()[:16]}"


@dataclass(frozen=True)
class Checkpoint:
    """What a note states: this root at this size. `more` are its further lines, in order."""

    origin: str
    size: int
    root: bytes
    at: datetime
    more: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """What is signed."""
        root = base64.b64encode(self.root).decode()
        more = "".join(f"{name} {value}\n" for name, value in self.more.items())
        return f"{self.origin}\n{self.size}\n{root}\nat {instant(self.at)}\n{more}"

    def signed(self, private_key: bytes) -> str:
        """The whole note."""
        text = self.text()
        signature = signatures.sign(private_key, text.encode())
        hashed = _key_hash(self.origin, signatures.public_key_of(private_key))
        told = base64.b64encode(hashed + signature).decode()
        return f"{text}\n{_DASH} {self.origin} {told}\n"


def parse(note: str) -> Checkpoint:
    """What the note states; says nothing about its signature. Raises NoteInvalid."""
    body, _, _ = note.partition("\n\n")
    lines = body.split("\n")
    try:
        origin, size, root, at = lines[:4]
        more = dict(line.split(" ", 1) for line in lines[4:])
        return Checkpoint(
            origin=origin,
            size=int(size),
            root=base64.b64decode(root, validate=True),
            at=datetime.fromisoformat(at.removeprefix("at ")),
            more=more,
        )
    except (ValueError, binascii.Error):
        raise NoteInvalid("The checkpoint is not in the form of one.") from None


def parse_or_none(note: str) -> Checkpoint | None:
    """As `parse`, where a note that is none will be told of later."""
    try:
        return parse(note)
    except NoteInvalid:
        return None


def opened(note: str, public_key: bytes) -> Checkpoint:
    """What the note states, if the key has signed it. Raises NoteInvalid."""
    stated = parse(note)
    body, _, signature_line = note.partition("\n\n")
    dash, _, rest = signature_line.rstrip("\n").partition(" ")
    origin, _, told = rest.partition(" ")
    try:
        given = base64.b64decode(told, validate=True)
    except (ValueError, binascii.Error):
        given = b""
    name = origin_of(public_key)
    if dash != _DASH or origin != name or stated.origin != name:
        raise NoteInvalid("The checkpoint is of another key.")
    if given[:4] != _key_hash(name, public_key):
        raise NoteInvalid("The checkpoint is of another key.")
    try:
        signatures.verify(public_key, given[4:], f"{body}\n".encode())
    except signatures.SignatureInvalid:
        raise NoteInvalid("The checkpoint's signature is not valid.") from None
    return stated


def digest(note: str) -> str:
    """What the next checkpoint says of this one."""
    return base64.b64encode(hashlib.sha256(note.encode()).digest()).decode()


def instant(at: datetime) -> str:
    """UTC with microseconds, always in the same form."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _key_hash(name: str, public_key: bytes) -> bytes:
    """C2SP signed-note: the first bytes of a hash over name, algorithm and key."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:4]
