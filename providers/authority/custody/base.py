"""What keeping an authority's key means: to make or adopt one, and to open it as a signer.

Whoever signs knows no other form of a key than a `Signer`, so that keys in memory and keys in
hardware are the same thing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from certmate.pki.keys import KeyType, PrivateKey, SignatureHash, signature_hash


class Signer(Protocol):
    """An opened key."""

    @property
    def public_key(self) -> PublicKeyTypes: ...

    def sign(self, data: bytes) -> bytes:
        """The signature value (RFC 5280 §4.1.1.3) by the one algorithm of this key.

        RSA by PKCS #1 v1.5, EC by ECDSA as a DER Ecdsa-Sig-Value, both with the hash that
        `certmate.pki.keys.signature_hash` names; Ed25519 and ML-DSA over the data itself.
        """
        ...


@dataclass(frozen=True)
class MadeKey:
    """A key that is kept from now on; `stored` is JSON for an encrypted column."""

    stored: dict[str, Any] = field(repr=False)
    public_key: PublicKeyTypes


class Make(Protocol):
    def __call__(self, key_type: KeyType, *, passphrase: str = "") -> MadeKey:
        """A new key."""
        ...


class Adopt(Protocol):
    def __call__(self, pem: str, *, passphrase: str = "") -> MadeKey:
        """Keep the key of an unencrypted PEM.

        Raises PKIError (`key.malformed`, `key.password`, `key.weak`).
        """
        ...


@dataclass(frozen=True)
class Custody:
    """One way of keeping keys.

    `open` takes what was stored and the passphrase, or "". `adopt` is None where a key from outside
    cannot be kept. `needs_passphrase` means that every use of the key asks for it.
    """

    slug: str
    label: str
    help: str
    make: Make
    adopt: Adopt | None
    open: Callable[[Mapping[str, Any], str], Signer]
    key_types: frozenset[KeyType]
    needs_passphrase: bool = False


@dataclass(frozen=True)
class SoftwareSigner:
    """A key in the memory of this process."""

    key: PrivateKey = field(repr=False)

    @property
    def public_key(self) -> PublicKeyTypes:
        return self.key.public_key()

    def sign(self, data: bytes) -> bytes:
        """The signature value, as `Signer` says."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hash_of(self.key.public_key()))
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(hash_of(self.key.public_key())))
        return self.key.sign(data)


def hash_of(public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> SignatureHash:
    """The hash that the key signs with; these two kinds always have one."""
    return cast(SignatureHash, signature_hash(public_key))
