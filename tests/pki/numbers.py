"""RSA keys with known faults, for tests that must see them refused."""

import math
import random
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

EXPONENT = 65537
_SIEVE = math.prod(n for n in range(3, 2000, 2) if all(n % d for d in range(3, n, 2)))


def _is_prime(number: int) -> bool:
    """A Fermat test after a sieve: a composite of this size slips through practically never."""
    return math.gcd(number, _SIEVE) == 1 and pow(2, number - 1, number) == 1


def _first_prime(candidates: Iterator[int]) -> int:
    return next(n for n in candidates if _is_prime(n) and math.gcd(n - 1, EXPONENT) == 1)


def primes_after(start: int, count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        start = _first_prime(iter(range(start | 1, start + 100_000, 2))) + 2
        found.append(start - 2)
    return found


def roca_prime(bits: int, seed: int) -> int:
    """A prime k*M + (65537^a mod M) as the ROCA paper (ACM CCS 2017) has it, M = 701#."""
    chance = random.Random(seed)
    small = [n for n in range(2, 702) if all(n % d for d in range(2, n))]
    primorial = math.prod(small)

    def candidates() -> Iterator[int]:
        while True:
            power = pow(EXPONENT, chance.getrandbits(200), primorial)
            # The two highest bits are set, so that the product of two has all its bits.
            high = (3 << (bits - 2)) + chance.getrandbits(bits - 4)
            yield high - high % primorial + power

    return _first_prime(candidates())


def private_key_pem(p: int, q: int) -> str:
    phi = (p - 1) * (q - 1)
    d = pow(EXPONENT, -1, phi)
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(EXPONENT, p * q),
    )
    pem = numbers.private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()
