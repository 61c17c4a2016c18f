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
_SEQUENCE, _INTEGER, _OCTET_STRING, _CONSTRUCTED = 0x30, 0x02, 0x04, 0x20
_LONGEST_NUMBER, _DEEPEST = 8, 40
_LARGE_NUMBER = re.compile(rb"\x02[\x04-\x08]")
"""The header of a number that may be above `MAX_ROUNDS`."""
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


def is_affordable_pkcs12(content: bytes) -> bool:
    """Whether a PKCS#12 file (RFC 7292) may be opened: no number in it, and so none of rounds, is
    larger than `MAX_ROUNDS`.
    """
    try:
        return all(number <= MAX_ROUNDS for number in _numbers(content, 0))
    except (ValueError, IndexError):
        return False


def _numbers(data: bytes, depth: int) -> Iterator[int]:
    """All but those of keys, which are longer, also in strings that hold structures."""
    at = 0
    while at < len(data):
        tag, content, at = _element(data, at)
        if depth > _DEEPEST:
            raise ValueError
        if tag == _INTEGER and len(content) <= _LONGEST_NUMBER:
            yield int.from_bytes(content)
        elif tag & _CONSTRUCTED:
            yield from _numbers(content, depth + 1)
        elif tag == _OCTET_STRING and content[:1] == bytes([_SEQUENCE]):
            yield from _inner(content, depth + 1)


def _inner(content: bytes, depth: int) -> list[int]:
    """Of a string that begins like a structure: what is encrypted or random can do so too."""
    try:
        return list(_numbers(content, depth))
    except (ValueError, IndexError):
        if _LARGE_NUMBER.search(content):
            raise
        return []


def _element(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Tag and content of the element, and where it ends. Raises ValueError for one that does not
    say where (X.690 §8.1.3.6) or ends after the data.
    """
    tag, size, begins = data[at], data[at + 1], at + 2
    if size == _LONG_FORM:
        raise ValueError
    if size > _LONG_FORM:
        begins += size - _LONG_FORM
        size = int.from_bytes(data[at + 2 : begins])
    if begins + size > len(data):
        raise ValueError
    return tag, data[begins : begins + size], begins + size


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
