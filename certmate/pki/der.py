"""The little of DER (X.690) that signing needs: to take signed structures apart and put together.

Everything that is signed here has one frame (RFC 5280 §4.1 and §5.1): what is signed, the
algorithm, the signature. The contents are made and read by `cryptography`.
"""

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER, SEQUENCE = 0x02, 0x03, 0x04, 0x06, 0x30
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
TRUE = bytes.fromhex("0101ff")


class Frame(NamedTuple):
    """A certificate or CRL without its signature: the bytes to be signed, and the algorithm."""

    tbs: bytes
    algorithm: bytes


def unsigned(der: bytes) -> Frame:
    """Of a signed structure, what is signed and by which algorithm."""
    start, _ = _content(der, 0)
    _, tbs_end = _content(der, start)
    _, algorithm_end = _content(der, tbs_end)
    return Frame(der[start:tbs_end], der[tbs_end:algorithm_end])


def signed(frame: Frame, signature: bytes) -> bytes:
    """The whole structure with this signature."""
    return encoded(SEQUENCE, frame.tbs + frame.algorithm + encoded(BIT_STRING, b"\0" + signature))


def public_key_bits(spki: bytes) -> bytes:
    """The content of the BIT STRING in a SubjectPublicKeyInfo, without its count of unused bits."""
    start, _ = _content(spki, 0)
    _, algorithm_end = _content(spki, start)
    bits, end = _content(spki, algorithm_end)
    return spki[bits + 1 : end]


def with_part(sequence: bytes, index: int, part: bytes) -> bytes:
    """The SEQUENCE with another element in the place of the one of this number."""
    found = parts(sequence)
    found[index] = part
    return encoded(SEQUENCE, b"".join(found))


def with_more(sequence: bytes, index: int, part: bytes) -> bytes:
    """The SEQUENCE with one more element, before the one of this number."""
    found = parts(sequence)
    found.insert(index, part)
    return encoded(SEQUENCE, b"".join(found))


def integer(value: int) -> bytes:
    """An INTEGER in as few octets as can be (X.690 §8.3.2). OCSP clients may send negative ones."""
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return encoded(INTEGER, value.to_bytes(size, signed=True))


@lru_cache(maxsize=256)
def object_identifier(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER (X.690 §8.19)."""
    first, second, *rest = map(int, dotted.split("."))
    return encoded(OBJECT_IDENTIFIER, b"".join(map(_base_128, (40 * first + second, *rest))))


def _base_128(value: int) -> bytes:
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.append(0x80 | value & 0x7F)
    return bytes(reversed(octets))


def time(at: datetime) -> bytes:
    """A Time of whole seconds in UTC: UTCTime before 2050 (RFC 5280 §4.1.2.5)."""
    if at.year < 2050:
        return encoded(UTC_TIME, b"%02d%s" % (at.year % 100, _within_year(at)))
    return generalized_time(at)


def generalized_time(at: datetime) -> bytes:
    """A GeneralizedTime of whole seconds in UTC, as RFC 5280 §4.1.2.5.2 writes it."""
    return encoded(GENERALIZED_TIME, b"%04d%s" % (at.year, _within_year(at)))


def _within_year(at: datetime) -> bytes:
    # A third of what `strftime` takes, for each of a million entries.
    return b"%02d%02d%02d%02d%02dZ" % (at.month, at.day, at.hour, at.minute, at.second)


def with_last(sequence: bytes, part: bytes) -> bytes:
    """The SEQUENCE with one more element at its end."""
    start, end = _content(sequence, 0)
    return encoded(SEQUENCE, sequence[start:end] + part)


def encoded(tag: int, content: bytes) -> bytes:
    """One element: tag, length (X.690 §8.1.3) and content."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(size))) + size + content


def parts(sequence: bytes) -> list[bytes]:
    """The elements of a SEQUENCE."""
    at, end = _content(sequence, 0)
    found = []
    while at < end:
        _, after = _content(sequence, at)
        found.append(sequence[at:after])
        at = after
    return found


def _content(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element that begins at `at` begins, and where it ends."""
    first = data[at + 1]
    if first < 0x80:
        return at + 2, at + 2 + first
    begins = at + 2 + (first & 0x7F)
    return begins, begins + int.from_bytes(data[at + 2 : begins])
