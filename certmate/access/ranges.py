"""What a token is limited to, as people write it: name patterns and source networks, checked."""

import ipaddress
from collections.abc import Collection, Iterable

from certmate.core.errors import InvalidRequest, invalid_input
from certmate.pki.names import parse_name

MOST = 50
"""Patterns or networks of one token: each is asked at each call."""

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def patterns(given: Collection[str]) -> list[str]:
    """Exact names, and `*.` before a domain for all below it, in the form that names are stored in:
    lower-case A-labels. Raises InvalidRequest.
    """
    _check_count(given, "name_patterns")
    with invalid_input("name_patterns"):
        return sorted({parse_name(pattern).value for pattern in given})


def networks(given: Collection[str]) -> list[str]:
    """Addresses and networks (CIDR) in canonical form. Raises InvalidRequest."""
    _check_count(given, "networks")
    return [str(network) for network in sorted({_parsed(text) for text in given}, key=_order)]


def contains(limits: Iterable[str], address: str) -> bool:
    """Whether the address is in one of the networks; "" (a unix socket) is in none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    # A socket that listens for both families writes IPv4 in this way (RFC 4291 §2.5.5.2).
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in ipaddress.ip_network(limit) for limit in limits)


def within(limits: Collection[str], wider: Collection[str]) -> bool:
    """Whether the networks are some, and each is a part of one of the wider ones."""
    outer = [ipaddress.ip_network(limit) for limit in wider]
    inner = [ipaddress.ip_network(limit) for limit in limits]
    return bool(inner) and all(any(_is_part(one, other) for other in outer) for one in inner)


def _is_part(one: Network, other: Network) -> bool:
    if isinstance(one, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and one.subnet_of(other)
    return isinstance(other, ipaddress.IPv6Network) and one.subnet_of(other)


def _parsed(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise InvalidRequest(
            f"{text[:60]!r} is no network: write 192.0.2.0/24, 2001:db8::/32 or one address, "
            "without bits set behind the prefix.",
            code="token.network",
            field="networks",
        ) from error
    if _is_odd(network):
        raise InvalidRequest(
            f"Write {text[:60]!r} as an IPv4 network, or without a zone.",
            code="token.network",
            field="networks",
        )
    return network


def _is_odd(network: Network) -> bool:
    """IPv4 in the clothes of IPv6, which no caller's address is compared in; or one link's own."""
    if isinstance(network, ipaddress.IPv4Network):
        return False
    return network.subnet_of(_MAPPED) or network.network_address.scope_id is not None


def _order(network: Network) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen


def _check_count(given: Collection[str], field: str) -> None:
    if len(given) > MOST:
        raise InvalidRequest(
            f"A token has at most {MOST} of these.", code="token.too_many", field=field
        )
