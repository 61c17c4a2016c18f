"""The log's two keys, made when they are first needed and kept sealed under the master key.

The mark of a row is HMAC-SHA256 (RFC 2104) under the first: who can write to the database and has
no master key can neither add a row nor change one. Checkpoints are signed with the second. Because
they are sealed like every other secret, `rotate_master_key` re-wraps them and changes no mark.
"""

import base64
import hashlib
import hmac
import secrets
import uuid
from functools import lru_cache

from django.db import connection, transaction

from certmate.audit.models import Checkpoint, LogKey
from certmate.core import clock
from certmate.core.errors import IntegrityFault
from certmate.pki import signatures

MARK = uuid.UUID("5cb0f6c2-6c69-4a3e-9d55-5e9f3b0a7d01")
SIGNING = uuid.UUID("5cb0f6c2-6c69-4a3e-9d55-5e9f3b0a7d02")

_cached: dict[uuid.UUID, LogKey] = {}
_uncommitted: set[uuid.UUID] = set()


def mark(document: bytes) -> bytes:
    """The mark of a row. Raises SecretUnreadable where the master key is not the one."""
    return hmac.digest(_secret(MARK), document, hashlib.sha256)


def mark_key() -> bytes:
    """The key of the marks, for whoever has a million of them to look at."""
    return _secret(MARK)


def mark_id() -> str:
    """What tells this key of marks from another without giving it away."""
    return mark(b"certmate audit mark").hex()[:16]


def signing_key() -> bytes:
    """The private key of checkpoints."""
    return _secret(SIGNING)


def public_key() -> bytes:
    """The key that verifies checkpoints: computed from the private one, not read beside it."""
    return _public(signing_key())


def forget(**_: object) -> None:
    """Read the keys again when they are next needed: the database may be another."""
    _cached.clear()
    _uncommitted.clear()


@lru_cache(maxsize=8)
def _public(private_key: bytes) -> bytes:
    return signatures.public_key_of(private_key)


def _secret(purpose: uuid.UUID) -> bytes:
    found = _cached.get(purpose)
    if found is None:
        found = LogKey.objects.filter(pk=purpose).first() or _made(purpose)
        if not connection.in_atomic_block:
            _uncommitted.discard(purpose)
        # A transaction that made it may yet be undone, and the key with it.
        if purpose not in _uncommitted:
            _cached[purpose] = found
    return base64.b64decode(found.secret["key"])


def _made(purpose: uuid.UUID) -> LogKey:
    """The key, made by us or by another process in the same instant.

    Raises IntegrityFault where it was in use already: another one would disown every row.
    """
    if Checkpoint.objects.exists():
        raise IntegrityFault(
            "A key of the audit log is gone. Restore it.", code="audit.key_missing"
        )
    secret = signatures.new_signing_key() if purpose == SIGNING else secrets.token_bytes(32)
    public = signatures.public_key_of(secret) if purpose == SIGNING else b""
    values = {
        "secret": {"key": base64.b64encode(secret).decode()},
        "public": base64.b64encode(public).decode(),
        "created_at": clock.now(),
    }
    made, is_new = LogKey.objects.get_or_create(pk=purpose, defaults=values)
    if is_new and connection.in_atomic_block:
        _uncommitted.add(purpose)
        transaction.on_commit(lambda: _uncommitted.discard(purpose))
    return made
