"""Private keys that we make, and public keys that somebody hands us: what they are, how strong.

Nothing of a private key ever gets into an exception or into the chain behind one.
"""

import hashlib
import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from certmate.pki.errors import PKIError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

MAX_KEY_BYTES = 32 * 1024
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
"""Above this, one verification costs more than any use of the key is worth."""

EXPONENT = 65537
_FERMAT_ROUNDS = 100
_SMALL_FACTORS_BELOW = 752
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
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


_RSA_BITS = {KeyType.RSA2048: 2048, KeyType.RSA3072: 3072, KeyType.RSA4096: 4096}
_EC_CURVES = {KeyType.EC256: ec.SECP256R1, KeyType.EC384: ec.SECP384R1}


@dataclass(frozen=True)
class KeyFacts:
    """What may be told of a public key; `spki_sha256` identifies it wherever it turns up."""

    algorithm: str
    size: int
    spki_sha256: str


def generate(key_type: KeyType) -> str:
    """A new private key as unencrypted PKCS#8 PEM."""
    key: PrivateKey
    if key_type in _RSA_BITS:
        key = rsa.generate_private_key(public_exponent=EXPONENT, key_size=_RSA_BITS[key_type])
    else:
        key = ec.generate_private_key(_EC_CURVES[key_type]())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode("ascii")


def load_private_key(pem: str) -> PrivateKey:
    """The key in an unencrypted PEM. Raises PKIError (`key.malformed`), never quoting its input."""
    key: object = None
    if len(pem) <= MAX_KEY_BYTES and pem.isascii():
        try:
            key = load_pem_private_key(pem.encode("ascii"), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
    # Raised outside the except block: the parser's error must not hang on to ours as its context.
    if not isinstance(key, PrivateKey):
        raise PKIError(
            "This is not an unencrypted RSA or EC private key in PEM.", code="key.malformed"
        )
    return key


def describe(public_key: PublicKeyTypes) -> KeyFacts:
    """The facts of any public key, acceptable or not."""
    spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    algorithm, size = _algorithm(public_key, spki)
    return KeyFacts(algorithm, size, hashlib.sha256(spki).hexdigest())


def _algorithm(public_key: PublicKeyTypes, spki: bytes) -> tuple[str, int]:
    if isinstance(public_key, rsa.RSAPublicKey):
        return "RSA", public_key.key_size
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return "ECDSA", public_key.key_size
    if isinstance(public_key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256
    # Only ever shown, as we accept none of them: the class says "Ed448PublicKey" and so on.
    return type(public_key).__name__.strip("_").removesuffix("PublicKey"), len(spki) * 8


def check_strength(public_key: PublicKeyTypes) -> None:
    """Refuse a key that nobody should certify: BR 6.1.1.3, 6.1.5 and 6.1.6. Raises `key.weak`."""
    if isinstance(public_key, rsa.RSAPublicKey):
        # The size comes first: it bounds what all later arithmetic costs.
        weakness = _size_weakness(public_key.key_size) or _rsa_weakness(public_key.public_numbers())
    elif isinstance(public_key, ec.EllipticCurvePublicKey):
        known = isinstance(public_key.curve, _CURVES)
        weakness = "" if known else "an EC key must be on P-256, P-384 or P-521"
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
