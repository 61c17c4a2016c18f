"""Keys in CertMate's own database, under the master key like every other secret."""

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from certmate.core.errors import IntegrityFault
from certmate.pki.errors import PKIError
from certmate.pki.keys import (
    KeyType,
    PrivateKey,
    check_strength,
    load_private_key,
    new_key,
    to_pem,
)
from providers.authority.custody.base import Custody, MadeKey, SoftwareSigner

OPENED_KEYS = 64
"""How many opened keys a process keeps: to parse one costs more than to sign with it."""


def make(key_type: KeyType, *, passphrase: str = "") -> MadeKey:
    """A new key."""
    return _kept(new_key(key_type))


def adopt(pem: str, *, passphrase: str = "") -> MadeKey:
    """Keep the key of an unencrypted PEM.

    Raises PKIError (`key.malformed`, `key.password`, `key.weak`).
    """
    return _kept(load_private_key(pem))


def open_key(stored: Mapping[str, Any], passphrase: str) -> SoftwareSigner:
    """The stored key. Raises IntegrityFault if what was stored is none."""
    return _opened(str(stored.get("pem", "")))


def _kept(key: PrivateKey) -> MadeKey:
    check_strength(key.public_key(), more=True)
    return MadeKey({"pem": to_pem(key)}, key.public_key())


@lru_cache(maxsize=OPENED_KEYS)
def _opened(pem: str) -> SoftwareSigner:
    key = None
    with suppress(PKIError):
        key = load_private_key(pem)
    if key is None:
        raise IntegrityFault("The stored key of the authority cannot be read.")
    return SoftwareSigner(key)


DATABASE = Custody(
    slug="database",
    label="Database",
    help="Encrypted under the master key; CertMate signs by itself at any time.",
    make=make,
    adopt=adopt,
    open=open_key,
    key_types=frozenset(KeyType),
)
