"""Keys that only somebody with a passphrase can use: CertMate stores them and cannot open them.

They are PKCS #8 encrypted by PBES2 (RFC 8018 §6.2) with PBKDF2 and AES-256, which other tools read
as well. `cryptography` writes the same with 2048 rounds, too few against a thief of the database.
"""

import secrets
import unicodedata
from base64 import encodebytes
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ObjectIdentifier

from certmate.core.errors import InvalidRequest
from certmate.pki.errors import PKIError
from certmate.pki.keys import KeyType, PrivateKey, check_strength, load_private_key, new_key
from providers.authority.custody.base import Custody, MadeKey, SoftwareSigner

MIN_CHARACTERS = 12
MAX_BYTES = 1000
"""OpenSSL reads no longer ones."""

ROUNDS = 600_000

_KEY_BYTES, _BLOCK_BYTES, _SALT_BYTES = 32, 16, 16
_PBES2 = ObjectIdentifier("1.2.840.113549.1.5.13")
_PBKDF2 = ObjectIdentifier("1.2.840.113549.1.5.12")
_HMAC_SHA256 = ObjectIdentifier("1.2.840.113549.2.9")
_AES256_CBC = ObjectIdentifier("2.16.840.1.101.3.4.1.42")


@asn1.sequence
class _Prf:
    algorithm: ObjectIdentifier
    parameters: asn1.Null


@asn1.sequence
class _PBKDF2Parameters:
    salt: bytes
    rounds: int
    prf: _Prf


@asn1.sequence
class _Derivation:
    algorithm: ObjectIdentifier
    parameters: _PBKDF2Parameters


@asn1.sequence
class _Cipher:
    algorithm: ObjectIdentifier
    iv: bytes


@asn1.sequence
class _PBES2Parameters:
    derivation: _Derivation
    cipher: _Cipher


@asn1.sequence
class _Algorithm:
    algorithm: ObjectIdentifier
    parameters: _PBES2Parameters


@asn1.sequence
class _EncryptedPrivateKeyInfo:
    """RFC 5958 §3."""

    algorithm: _Algorithm
    encrypted: bytes


def make(key_type: KeyType, *, passphrase: str = "") -> MadeKey:
    """A new key. Raises InvalidRequest (`authority.passphrase`) for a weak passphrase."""
    secret = _chosen(passphrase)
    return _kept(new_key(key_type), secret)


def adopt(pem: str, *, passphrase: str = "") -> MadeKey:
    """Keep the key of an unencrypted PEM.

    Raises PKIError (`key.malformed`, `key.password`, `key.weak`) and InvalidRequest
    (`authority.passphrase`).
    """
    secret = _chosen(passphrase)
    return _kept(load_private_key(pem), secret)


def open_key(stored: Mapping[str, Any], passphrase: str) -> SoftwareSigner:
    """The stored key. Raises InvalidRequest (`authority.passphrase`) without the right passphrase.

    A wrong passphrase cannot be told from a damaged key.
    """
    secret = _normal(passphrase)
    if not secret:
        raise _refused("This authority's key opens with its passphrase only: enter it.")
    key = None
    with suppress(PKIError):
        key = load_private_key(str(stored.get("pem", "")), password=secret)
    if key is None:
        raise _refused("The passphrase does not open this authority's key.")
    return SoftwareSigner(key)


def _chosen(passphrase: str) -> str:
    secret = _normal(passphrase)
    if len(secret) < MIN_CHARACTERS:
        raise _refused(f"The passphrase must have at least {MIN_CHARACTERS} characters.")
    return secret


def _normal(passphrase: str) -> str:
    """The passphrase in the one form that each keyboard's spelling of it becomes."""
    secret = unicodedata.normalize("NFC", passphrase)
    # JSON can carry halves of surrogate pairs, which no encoding has.
    if any("\ud800" <= character <= "\udfff" for character in secret):
        raise _refused("The passphrase has characters that are none.")
    if len(secret.encode()) > MAX_BYTES:
        raise _refused(f"The passphrase is longer than {MAX_BYTES} bytes.")
    return secret


def _refused(detail: str) -> InvalidRequest:
    return InvalidRequest(detail, code="authority.passphrase", field="passphrase")


def _kept(key: PrivateKey, passphrase: str) -> MadeKey:
    check_strength(key.public_key(), more=True)
    return MadeKey({"pem": _encrypted(key, passphrase)}, key.public_key())


def _encrypted(key: PrivateKey, passphrase: str) -> str:
    salt, iv = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_BLOCK_BYTES)
    derivation = PBKDF2HMAC(hashes.SHA256(), length=_KEY_BYTES, salt=salt, iterations=ROUNDS)
    derived = derivation.derive(passphrase.encode())
    padder = PKCS7(_BLOCK_BYTES * 8).padder()
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    cipher = Cipher(algorithms.AES256(derived), modes.CBC(iv)).encryptor()
    encrypted = cipher.update(padder.update(plain) + padder.finalize()) + cipher.finalize()
    kdf = _PBKDF2Parameters(
        salt=salt, rounds=ROUNDS, prf=_Prf(algorithm=_HMAC_SHA256, parameters=asn1.Null())
    )
    parameters = _PBES2Parameters(
        derivation=_Derivation(algorithm=_PBKDF2, parameters=kdf),
        cipher=_Cipher(algorithm=_AES256_CBC, iv=iv),
    )
    algorithm = _Algorithm(algorithm=_PBES2, parameters=parameters)
    der = asn1.encode_der(_EncryptedPrivateKeyInfo(algorithm=algorithm, encrypted=encrypted))
    return _pem(der)


def _pem(der: bytes) -> str:
    label = "ENCRYPTED PRIVATE KEY"
    body = encodebytes(der).decode("ascii")
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


PASSPHRASE = Custody(
    slug="passphrase",
    label="Passphrase",
    help=(
        "Encrypted by a passphrase that CertMate does not keep: each signature asks for it, so "
        "nothing is signed without a person. For roots that are used seldom."
    ),
    make=make,
    adopt=adopt,
    open=open_key,
    key_types=frozenset(KeyType),
    needs_passphrase=True,
)
