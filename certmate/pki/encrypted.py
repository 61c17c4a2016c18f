"""How much work an encrypted private key makes for whoever opens it: its file says so itself.

RFC 8018 sets no bound, so a file of a few hundred bytes could keep a process busy for minutes, or
ask for all of its memory.
"""

import base64
import binascii
import math
import re
from collections.abc import Iterator

MAX_ROUNDS = 10_000_000
"""Of PBKDF2: more than ten times what is advised, and about a second."""

MAX_SCRYPT_WORK = 2**22
"""Cost, block size and parallelisation (RFC 7914 §2) multiplied: half a gigabyte, and a second."""

_BEGIN = "-----BEGIN ENCRYPTED PRIVATE KEY-----"
_BLOCK = re.compile(rf"{_BEGIN}([A-Za-z0-9+/=\s]*)-----END ENCRYPTED PRIVATE KEY-----", re.ASCII)
_SCRYPT = bytes.fromhex("060b2b06010401da47040b")
_SEQUENCE, _INTEGER = 0x30, 0x02
_LONG_FORM = 0x80


def is_affordable(pem: str) -> bool:
    """Whether every PKCS#8 file in the PEM may be opened. Older forms have one round only."""
    bodies = _BLOCK.findall(pem)
    if len(bodies) != pem.count(_BEGIN):
        return False
    try:
        algorithms = [_algorithm(base64.b64decode("".join(body.split()))) for body in bodies]
        return all(map(_is_cheap, algorithms))
    except (binascii.Error, ValueError, IndexError):
        return False


def _algorithm(info: bytes) -> bytes:
    """The first part of EncryptedPrivateKeyInfo (RFC 5958 §3), without its header."""
    begins = 2 + (info[1] - _LONG_FORM if info[1] > _LONG_FORM else 0)
    return info[begins + 2 : begins + 2 + _length(info[begins + 1])]


def _length(octet: int) -> int:
    # No element of an algorithm with its salt is as long as the long form (X.690 §8.1.3.5) is for.
    if octet >= _LONG_FORM:
        raise ValueError
    return octet


def _is_cheap(algorithm: bytes) -> bool:
    # The numbers of the key derivation come first, and the only other one is RC2's.
    numbers = list(_integers(algorithm))
    if _SCRYPT in algorithm:
        return math.prod(numbers[:3]) <= MAX_SCRYPT_WORK
    return numbers[0] <= MAX_ROUNDS


def _integers(algorithm: bytes) -> Iterator[int]:
    at = 0
    while at < len(algorithm):
        tag, length = algorithm[at], _length(algorithm[at + 1])
        at += 2
        if tag == _INTEGER:
            yield int.from_bytes(algorithm[at : at + length])
        # The elements inside a sequence follow its header.
        if tag != _SEQUENCE:
            at += length
