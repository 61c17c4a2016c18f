"""Which address a request comes from: the peer's, or what our own proxy says it was.

Anybody can send a forwarding header. Only CERTMATE_BEHIND_PROXY says that the peer is a proxy of
ours, and then only the last entry counts: the one that this proxy itself has added.
"""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

NETWORK_BITS = 64
"""An IPv6 customer has a whole network of addresses to come from (RFC 6177)."""


def client_address(request: HttpRequest) -> str:
    """The address as text without a port; "" where there is none, as on a Unix socket."""
    if settings.CERTMATE_BEHIND_PROXY:
        claimed = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if is_address(claimed):
            return claimed
    # A link-local address names the interface that it came by (RFC 4007 §11).
    peer = str(request.META.get("REMOTE_ADDR") or "").partition("%")[0]
    return peer if is_address(peer) else ""


def network(address: str) -> str:
    """What is counted as one place: an IPv4 address, or the network of an IPv6 one."""
    if not is_address(address):
        return ""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, NETWORK_BITS), strict=False).network_address)


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text
