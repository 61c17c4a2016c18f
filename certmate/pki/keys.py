"""Private keys that we make, and public keys that somebody hands us: what they are, how strong.

Nothing of a private key ever gets into an exception or into the chain behind one.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from certmate.pki.encrypted import is_affordable
from certmate.pki.errors import PKIError

MLDSAPrivateKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
PrivateKey = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | MLDSAPrivateKey
)
MLDSAPublicKey = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey

SignatureHash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

MAX_KEY_BYTES = 8 * 1024
"""As much as an RSA key of 8192 bits, whose primes already take seconds to check."""

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
"""Above this, one verification costs more than any use of the key is worth."""

EXPONENT = 65537
# RFC 7468 §11 and the older form of RFC 1421: the label or a header says it.
_ENCRYPTED = "ENCRYPTED"
_FERMAT_ROUNDS = 100
_SMALL_FACTORS_BELOW = 752
# Nemec et al., "The Return of Coppersmith's Attack", ACM CCS 2017: the smallest modulus of
# the affected library's primes is the product of the primes up to 167.
_ROCA_LARGEST_PRIME = 167


class KeyType(StrEnum):
    """The kinds of key that we generate."""

    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    EC256 = "ec256"
    EC384 = "ec384"
    EC521 = "ec521"
    ED25519 = "ed25519"
    MLDSA44 = "mldsa44"
    MLDSA65 = "mldsa65"
    MLDSA87 = "mldsa87"


ACME_KEY_TYPES = (
    KeyType.RSA2048,
    KeyType.RSA3072,
    KeyType.RSA4096,
    KeyType.EC256,
    KeyType.EC384,
)
"""What public CAs certify for servers; a private authority may take the others too."""

EXPERIMENTAL = frozenset({KeyType.MLDSA44, KeyType.MLDSA65, KeyType.MLDSA87})
"""FIPS 204 and RFC 9881: safe from quantum computers, and from most of today's programs."""

_LABELS: dict[str, str] = {
    KeyType.RSA2048: "RSA 2048",
    KeyType.RSA3072: "RSA 3072",
    KeyType.RSA4096: "RSA 4096",
    KeyType.EC256: "ECDSA P-256",
    KeyType.EC384: "ECDSA P-384",
    KeyType.EC521: "ECDSA P-521",
    KeyType.ED25519: "Ed25519",
    KeyType.MLDSA44: "ML-DSA-44 (experimental)",
    KeyType.MLDSA65: "ML-DSA-65 (experimental)",
    KeyType.MLDSA87: "ML-DSA-87 (experimental)",
}
_RSA_BITS = {KeyType.RSA2048: 2048, KeyType.RSA3072: 3072, KeyType.RSA4096: 4096}
_EC_CURVES: dict[KeyType, type[ec.EllipticCurve]] = {
    KeyType.EC256: ec.SECP256R1,
    KeyType.EC384: ec.SECP384R1,
    KeyType.EC521: ec.SECP521R1,
}
_EC_HASHES: dict[int, SignatureHash] = {384: hashes.SHA384(), 521: hashes.SHA512()}
_GENERATORS: dict[KeyType, Callable[[], PrivateKey]] = {
    KeyType.ED25519: ed25519.Ed25519PrivateKey.generate,
    KeyType.MLDSA44: mldsa.MLDSA44PrivateKey.generate,
    KeyType.MLDSA65: mldsa.MLDSA65PrivateKey.generate,
    KeyType.MLDSA87: mldsa.MLDSA87PrivateKey.generate,
}
_PUBLIC_KEYS: dict[KeyType, type[PublicKeyTypes]] = {
    KeyType.ED25519: ed25519.Ed25519PublicKey,
    KeyType.MLDSA44: mldsa.MLDSA44PublicKey,
    KeyType.MLDSA65: mldsa.MLDSA65PublicKey,
    KeyType.MLDSA87: mldsa.MLDSA87PublicKey,
}


@dataclass(frozen=True)
class KeyFacts:
    """What may be told of a public key; `spki_sha256` identifies it wherever it turns up."""

    algorithm: str
    size: int
    spki_sha256: str


def label(key_type: str) -> str:
    """`ECDSA P-256`, `RSA 2048`: how a person calls it."""
    return _LABELS.get(key_type, key_type)


def new_key(key_type: KeyType) -> PrivateKey:
    """A new private key, as an object: to parse it again costs as much as to sign with it."""
    if key_type in _RSA_BITS:
        return rsa.generate_private_key(public_exponent=EXPONENT, key_size=_RSA_BITS[key_type])
    if key_type in _EC_CURVES:
        return ec.generate_private_key(_EC_CURVES[key_type]())
    return _GENERATORS[key_type]()


def to_pem(key: PrivateKey) -> str:
    """Unencrypted PKCS#8 (RFC 5958); of an ML-DSA key the seed alone (RFC 9881 §6)."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode("ascii")


def generate(key_type: KeyType) -> str:
    """A new private key as unencrypted PKCS#8 PEM."""
    return to_pem(new_key(key_type))


def load_private_key(pem: str, password: str = "") -> PrivateKey:
    """The key in a PEM, which `password` opens if it is encrypted.

    Raises PKIError (`key.malformed`, `key.password`), never quoting its input.
    """
    key: object = None
    encrypted = _ENCRYPTED in pem
    if len(pem) <= MAX_KEY_BYTES and pem.isascii() and is_affordable(pem):
        secret = password.encode("utf-8", errors="replace") if encrypted else b""
        try:
            key = load_pem_private_key(pem.encode("ascii"), password=secret or None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
    # Raised outside the except block: the parser's error must not hang on to ours as its context.
    if isinstance(key, PrivateKey):
        return key
    if encrypted:
        raise PKIError(
            "The private key is encrypted, and the password given does not open it.",
            code="key.password",
        )
    raise PKIError(
        "This is not an RSA, EC, Ed25519 or ML-DSA private key in PEM.", code="key.malformed"
    )


def describe(public_key: PublicKeyTypes, spki: bytes = b"") -> KeyFacts:
    """The facts of any public key, acceptable or not. `spki` is its encoding, if it is at hand."""
    spki = spki or public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    algorithm, size = _algorithm(public_key, spki)
    return KeyFacts(algorithm, size, hashlib.sha256(spki).hexdigest())


def _algorithm(public_key: PublicKeyTypes, spki: bytes) -> tuple[str, int]:
    if isinstance(public_key, rsa.RSAPublicKey):
        return "RSA", public_key.key_size
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return "ECDSA", public_key.key_size
    if isinstance(public_key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256
    # The class says "MLDSA65PublicKey", "Ed448PublicKey" and so on.
    name = type(public_key).__name__.strip("_").removesuffix("PublicKey")
    if isinstance(public_key, MLDSAPublicKey):
        return name.replace("MLDSA", "ML-DSA-"), len(public_key.public_bytes_raw()) * 8
    return name, len(spki) * 8


def key_type_of(public_key: PublicKeyTypes) -> KeyType | None:
    """The type that we would generate such a key as; None for a size or curve that we do not."""
    if isinstance(public_key, rsa.RSAPublicKey):
        bits = public_key.key_size
        return next((key_type for key_type, size in _RSA_BITS.items() if size == bits), None)
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _key_type_of_curve(public_key.curve)
    kinds = _PUBLIC_KEYS.items()
    return next((key_type for key_type, kind in kinds if isinstance(public_key, kind)), None)


def _key_type_of_curve(curve: ec.EllipticCurve) -> KeyType | None:
    kinds = _EC_CURVES.items()
    return next((key_type for key_type, kind in kinds if isinstance(curve, kind)), None)


def signature_hash(public_key: PublicKeyTypes) -> SignatureHash | None:
    """The hash that the holder of the key signs with: the one that BR 7.1.3.2 pairs with the curve,
    SHA-256 for RSA, and None where the algorithm has its own.
    """
    if isinstance(public_key, rsa.RSAPublicKey):
        return hashes.SHA256()
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return curve_hash(public_key.curve)
    return None


def curve_hash(curve: ec.EllipticCurve) -> SignatureHash:
    return _EC_HASHES.get(curve.key_size, hashes.SHA256())


def check_strength(public_key: PublicKeyTypes, *, more: bool = False) -> None:
    """Refuse a key that nobody should certify: BR 6.1.1.3, 6.1.5 and 6.1.6. Raises `key.weak`.

    With `more` a key may be of a kind that only private authorities take: Ed25519 or ML-DSA.
    """
    if isinstance(public_key, rsa.RSAPublicKey):
        # The size comes first: it bounds what all later arithmetic costs.
        weakness = _size_weakness(public_key.key_size) or _rsa_weakness(public_key.public_numbers())
    elif isinstance(public_key, ec.EllipticCurvePublicKey):
        known = _key_type_of_curve(public_key.curve)
        weakness = "" if known else "an EC key must be on P-256, P-384 or P-521"
    elif more:
        known = key_type_of(public_key)
        weakness = "" if known else "only RSA, EC, Ed25519 and ML-DSA keys are accepted"
    else:
        weakness = "only RSA and EC keys are accepted"
    if weakness:
        raise PKIError(f"The key cannot be accepted: {weakness}.", code="key.weak")


def _size_weakness(bits: int) -> str:
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        return f"an RSA modulus has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, this one has {bits}"
    if bits % 8:
        return f"the bits of an RSA modulus are a multiple of 8, this one has {bits}"
    return ""


def _rsa_weakness(numbers: rsa.RSAPublicNumbers) -> str:
    # An even exponent never comes this far: no such key can be loaded.
    if not EXPONENT <= numbers.e < 2**256:
        return "the RSA exponent must be from 65537 up to 2^256-1"
    if math.gcd(numbers.n, math.prod(_primes(_SMALL_FACTORS_BELOW))) != 1:
        return f"the RSA modulus has a prime factor below {_SMALL_FACTORS_BELOW}"
    if _has_roca_fingerprint(numbers.n):
        return "its primes come from a faulty generator (ROCA, CVE-2017-15361)"
    if _has_close_primes(numbers.n):
        return "the two primes of the RSA modulus are too close to each other"
    return ""


@lru_cache(maxsize=2)
def _primes(below: int) -> tuple[int, ...]:
    return tuple(n for n in range(2, below) if all(n % d for d in range(2, math.isqrt(n) + 1)))


@lru_cache(maxsize=1)
def _roca_residues() -> tuple[tuple[int, frozenset[int]], ...]:
    """For each small prime, the residues that 65537 generates in its multiplicative group."""
    return tuple(
        (prime, frozenset(pow(65537, power, prime) for power in range(prime - 1)))
        for prime in _primes(_ROCA_LARGEST_PRIME + 1)
    )


def _has_roca_fingerprint(modulus: int) -> bool:
    """Nemec et al., ACM CCS 2017: such primes are 65537^a modulo every small prime.

    So is their product then; a random modulus passes with a probability of about 2^-28.
    """
    return all(modulus % prime in residues for prime, residues in _roca_residues())


def _has_close_primes(modulus: int) -> bool:
    """Fermat's factorisation for as many rounds as BR 6.1.1.3 demands. It needs an odd modulus."""
    middle = math.isqrt(modulus - 1) + 1
    for candidate in range(middle, middle + _FERMAT_ROUNDS):
        rest = candidate * candidate - modulus
        if math.isqrt(rest) ** 2 == rest:
            return True
    return False
