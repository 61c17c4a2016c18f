"""The names that a certificate may carry: checked, and brought into the one form we store.

Everything here treats its input as hostile. It knows what the CA/Browser Forum's Baseline
Requirements and IDNA 2008 allow; it does not know which names a particular CA or authority takes.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import idna
from publicsuffixlist import PublicSuffixList

from certmate.pki.errors import PKIError

MAX_NAMES = 100
"""As many as the large public CAs put into one certificate."""

MAX_LENGTH = 253
"""RFC 1035 §2.3.4: 255 octets on the wire are 253 characters of text."""

MAX_OBJECT_NAME = 200
"""Leaves room for a prefix and a suffix in the 255 bytes of a file name."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_OBJECT_NAME = re.compile(r"(?:\*\.)?[a-z0-9_][a-z0-9._-]*")
_WILDCARD = "*."
_WILDCARD_DIRECTORY = "_wildcard."


@dataclass(frozen=True)
class Name:
    """A DNS name as lower-case A-labels, or an IP address in its canonical text."""

    value: str
    kind: Literal["dns", "ip"]
    wildcard: bool = False


def parse_name(text: str, *, public: bool = True) -> Name:
    """The name that a person or a CSR wrote as `text`.

    Unless it is to be `public`, it may have one label, be a public suffix or cover one: a private
    authority judges by rules of its own.
    Raises PKIError (`name.invalid`, `.idna`, `.wildcard`, `.public_suffix`, `.ip`).
    """
    # The cap comes before IDNA, whose work grows with the input and whose mapping can expand it.
    if not text or len(text) > MAX_LENGTH:
        raise PKIError(f"A name has 1 to {MAX_LENGTH} characters.", code="name.invalid")
    if (address := parse_address(text)) is not None:
        return Name(address, "ip")
    wildcard = text.startswith(_WILDCARD)
    base = text.removeprefix(_WILDCARD)
    if "*" in base:
        raise PKIError(
            f"{shown(text)}: a wildcard is one * as the whole leftmost label.",
            code="name.wildcard",
        )
    base = _host(base)
    if public:
        _check_registrable(base, wildcard=wildcard)
    value = _WILDCARD + base if wildcard else base
    if len(value) > MAX_LENGTH:
        raise PKIError(
            f"{shown(text)} is longer than {MAX_LENGTH} characters.", code="name.invalid"
        )
    return Name(value, "dns", wildcard)


def parse_names(primary: str, sans: Iterable[str]) -> tuple[Name, ...]:
    """All names of a certificate, the primary first, each once.

    Raises PKIError as `parse_name` does, and `name.too_many`.
    """
    names = {parse_name(primary): None}
    seen = {primary}
    for text in sans:
        if text in seen:
            continue
        seen.add(text)
        names[parse_name(text)] = None
        # Inside the loop, so that a list of a million names costs no more than a hundred.
        if len(names) > MAX_NAMES:
            raise PKIError(
                f"A certificate carries at most {MAX_NAMES} names.", code="name.too_many"
            )
    return tuple(names)


def safe_object_name(text: str) -> str:
    """`text`, if it is fit to be a certificate's own name: in URLs, paths and remote secrets."""
    well_formed = _OBJECT_NAME.fullmatch(text) and not text.endswith((".", "-"))
    if not well_formed or ".." in text or len(text) > MAX_OBJECT_NAME:
        raise PKIError(
            f"A certificate's name has 1 to {MAX_OBJECT_NAME} of a-z 0-9 . _ - in it, starts and "
            "ends with none of . and -, has no .. and a * at most as the whole leftmost label.",
            code="name.invalid",
        )
    # It would share the directory of the wildcard certificate that is stored under this name.
    if text.startswith(_WILDCARD_DIRECTORY):
        raise PKIError(
            f"A certificate's name cannot start with {_WILDCARD_DIRECTORY}", code="name.invalid"
        )
    return text


def default_object_name(name: Name) -> str:
    """The object name of a certificate with this primary name; colons have no place in a path."""
    if name.kind == "ip" and ":" in name.value:
        return f"ipv6-{ipaddress.IPv6Address(name.value).exploded.replace(':', '-')}"
    return safe_object_name(name.value)


def directory_name(name: str) -> str:
    """Where the object of this name is stored: `*` is not a character for every file system."""
    return re.sub(r"^\*\.", _WILDCARD_DIRECTORY, name)


def object_name(directory: str) -> str:
    """The object name behind `directory_name`."""
    if directory.startswith(_WILDCARD_DIRECTORY):
        return _WILDCARD + directory.removeprefix(_WILDCARD_DIRECTORY)
    return directory


def shown(text: str) -> str:
    """Hostile text in a shape that can stand in a message: short, and nothing that is invisible."""
    return (text if text.isprintable() else ascii(text))[:80]


def parse_address(text: str) -> str | None:
    """The canonical text of an IP address; None if `text` is to be read as a DNS name.

    Raises PKIError (`name.ip`) for what is an address and not the one of a host.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        if text.count(":") > 1:
            raise PKIError(f"{shown(text)} is not an IP address.", code="name.ip") from None
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise PKIError("A certificate cannot carry an IPv6 zone id.", code="name.ip")
        if address.ipv4_mapped is not None:
            raise PKIError(f"Write {address.ipv4_mapped} as an IPv4 address.", code="name.ip")
    broadcast = address == ipaddress.IPv4Address("255.255.255.255")
    if address.is_unspecified or address.is_multicast or broadcast:
        raise PKIError(f"{address} is not the address of one host.", code="name.ip")
    return str(address)


def _host(text: str) -> str:
    """The lower-case A-label form of a host name without wildcard, every label checked."""
    host = text.lower() if text.isascii() else _to_ascii(text)
    labels = host.split(".")
    if not all(labels):
        raise PKIError(
            f"{shown(text)} has an empty label or a dot at its end.", code="name.invalid"
        )
    # WHATWG URL "ends in a number": such a host is an IPv4 address to somebody (0177.1, 0x7f.1,
    # fullwidth digits), and none of them means the same to everybody.
    if _NUMBER.fullmatch(labels[-1]):
        raise PKIError(
            f"{shown(text)} is not an IPv4 address of four plain decimal numbers.", code="name.ip"
        )
    for label in labels:
        _check_label(label, text)
    return host


def _to_ascii(text: str) -> str:
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except UnicodeError as error:
        raise PKIError(
            f"{shown(text)} is not a valid internationalised name (IDNA 2008).", code="name.idna"
        ) from error


def _check_label(label: str, text: str) -> None:
    # BR 7.1.2.7.12 with RFC 5890 §2.3.1: letters, digits, hyphens; an underscore is none of them.
    if not _LABEL.fullmatch(label):
        raise PKIError(
            f"{shown(text)}: a label has 1 to 63 letters, digits and inner hyphens.",
            code="name.invalid",
        )
    if label.startswith("xn--"):
        _check_a_label(label, text)
    elif label[2:4] == "--":
        raise PKIError(
            f"{shown(text)}: -- as third and fourth character is reserved (RFC 5890 §2.3.1).",
            code="name.invalid",
        )


def _check_a_label(label: str, text: str) -> None:
    """RFC 5891 §5.3: what looks like an A-label must be the one encoding of a valid U-label."""
    try:
        idna.ulabel(label)
    except UnicodeError as error:
        raise PKIError(
            f"{shown(text)}: the label {label} is not valid Punycode of an IDNA 2008 label.",
            code="name.idna",
        ) from error


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    """The ICANN part of the list, read on first use: it is a third of a megabyte."""
    return PublicSuffixList(only_icann=True, accept_unknown=False)


def _check_registrable(host: str, *, wildcard: bool) -> None:
    """BR 3.2.2.6: nothing for all customers of a registry. An unknown top level is private."""
    if _suffixes().is_public(host):
        raise PKIError(
            f"{host} is a public suffix: nobody can hold a certificate for it.",
            code="name.public_suffix",
        )
    if "." not in host:
        if wildcard:
            raise PKIError(f"*.{host} would cover a whole top-level domain.", code="name.wildcard")
        raise PKIError(f"{host} is not a full domain name: it has one label.", code="name.invalid")
