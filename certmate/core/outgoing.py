"""Where CertMate connects to on somebody's word: which addresses and URLs it never calls.

Plain Python without any library, because certbot's isolated child obeys it as well.
"""

import ipaddress
from urllib.parse import urlsplit

METADATA_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"),
        *("fd00:ec2::/32", "fd20:ce::254/128"),
    )
)
"""Where clouds hand out their machines' credentials; nothing that we call may live there."""

# An IPv4 address in its last 32 bits: NAT64 (RFC 6052, RFC 8215) and the old compatible form.
_EMBEDDING = tuple(
    ipaddress.ip_network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")
)


def is_forbidden_address(text: str) -> bool:
    """Whether this is an address that no server of ours can have, but a metadata service may."""
    address = ipaddress.ip_address(text.split("%", 1)[0])
    meant: ipaddress.IPv4Address | ipaddress.IPv6Address = address
    if isinstance(address, ipaddress.IPv6Address):
        meant = address.ipv4_mapped or address.sixtofour or address
        if any(address in network for network in _EMBEDDING):
            meant = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return (
        meant.is_link_local
        or meant.is_multicast
        or meant.is_unspecified
        or any(meant in network for network in METADATA_NETWORKS)
    )


def endpoint_fault(url: str) -> str:
    """Why this cannot be the address of a service, as a sentence; "" if it can.

    Who is behind a host name is looked at when it is connected to.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        return "Give an http or https URL without a user name."
    try:
        forbidden = is_forbidden_address(host)
    except ValueError:
        forbidden = False
    return "A link-local or metadata address is not called." if forbidden else ""
