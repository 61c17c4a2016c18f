"""Envelope encryption of secrets before they reach the database.

Each value has a data key of its own (AES-256-GCM), which is wrapped by the master key
(AES-256-GCM). A token is `cm1.<key id>.<wrapped data key>.<sealed value>`; the identity of the row
and field is associated data (NIST SP 800-38D) of both layers, so that a token copied into another
row does not open. Changing the master key re-wraps the data key only.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from certmate.core.errors import CertMateError

VERSION = "cm1"
KEY_BYTES = 32
NONCE_BYTES = 12


class SecretUnreadable(CertMateError):
    """A stored secret cannot be opened: its master key is not configured, or it was tampered
    with.
    """

    default_code = "secrets.unreadable"


@dataclass(frozen=True)
class MasterKey:
    """One 256-bit key and its id, the first 8 hex digits of its SHA-256."""

    key: bytes

    @cached_property
    def id(self) -> str:
        return hashlib.sha256(b"certmate master key" + self.key).hexdigest()[:8]


@dataclass(frozen=True)
class Keyring:
    """The master keys in use: the first seals, all of them open."""

    keys: tuple[MasterKey, ...]

    @property
    def primary(self) -> MasterKey:
        return self.keys[0]

    def find(self, key_id: str) -> MasterKey:
        for key in self.keys:
            if key.id == key_id:
                return key
        raise SecretUnreadable(
            f"The master key {key_id} that sealed this secret is not configured."
        )


@lru_cache(maxsize=8)
def parse_keyring(text: str) -> Keyring:
    """The keyring in `text`: base64 keys of 32 bytes, separated by commas or white space, newest
    first.

    Raises ValueError without repeating the text.
    """
    keys = []
    for item in text.replace(",", " ").split():
        try:
            key = base64.b64decode(item, validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise ValueError("A master key must be 32 bytes in base64.")
        keys.append(MasterKey(key))
    if not keys:
        raise ValueError("There is no master key.")
    return Keyring(tuple(keys))


def new_master_key() -> str:
    """A fresh random master key in base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def seal(keyring: Keyring, plaintext: bytes, *, identity: str) -> str:
    """The token for `plaintext` that opens only under the same identity."""
    data_key = secrets.token_bytes(KEY_BYTES)
    sealed = _encrypt(data_key, plaintext, identity)
    return _join(keyring.primary, _encrypt(keyring.primary.key, data_key, identity), sealed)


def unseal(keyring: Keyring, token: str, *, identity: str) -> bytes:
    """What was sealed. Raises SecretUnreadable if the key is missing or anything was changed."""
    key_id, wrapped, sealed = _split(token)
    data_key = _decrypt(keyring.find(key_id).key, wrapped, identity)
    return _decrypt(data_key, sealed, identity)


def rewrap(keyring: Keyring, token: str, *, identity: str) -> str:
    """The same secret with its data key under the primary master key."""
    key_id, wrapped, sealed = _split(token)
    data_key = _decrypt(keyring.find(key_id).key, wrapped, identity)
    return _join(keyring.primary, _encrypt(keyring.primary.key, data_key, identity), sealed)


def prefix(key: MasterKey) -> str:
    """How every token under this master key begins; what a query for the others excludes."""
    return f"{VERSION}.{key.id}."


def _join(key: MasterKey, wrapped: bytes, sealed: bytes) -> str:
    parts: Iterable[bytes] = (wrapped, sealed)
    return prefix(key) + ".".join(base64.urlsafe_b64encode(part).decode() for part in parts)


def _split(token: str) -> tuple[str, bytes, bytes]:
    try:
        version, key_id, wrapped, sealed = token.split(".")
        if version != VERSION:
            raise ValueError
        return key_id, base64.urlsafe_b64decode(wrapped), base64.urlsafe_b64decode(sealed)
    except ValueError:
        raise SecretUnreadable("A stored secret does not have the form of one.") from None


def _encrypt(key: bytes, plaintext: bytes, identity: str) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, identity.encode())


def _decrypt(key: bytes, sealed: bytes, identity: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], identity.encode())
    except (InvalidTag, ValueError):
        raise SecretUnreadable("A stored secret was changed or belongs to another row.") from None
