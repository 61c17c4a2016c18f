"""One spelling of an address, so that two of the same server are seen to be of one place.

Names that lead to one server are not looked up: who gives a secret that the server takes may use it
by any name.
"""

import ipaddress
import posixpath
import socket
from urllib.parse import unquote, urlsplit

import idna

_USUAL_PORTS = (None, 80, 443)


def host_of(url: str) -> str:
    """The host as everybody would spell it: small letters, no dot at the end, one form of an
    address.
    """
    name = unquote(urlsplit(url).hostname or "").rstrip(".")
    try:
        return _address(name)
    except ValueError:
        pass
    try:
        return idna.encode(name, uts46=True).decode().lower()
    except idna.IDNAError:
        return name.lower()


def server_of(url: str) -> str:
    """Host and port. The usual port of http is the same server as that of https."""
    parts = urlsplit(url)
    return host_of(url) + ("" if parts.port in _USUAL_PORTS else f":{parts.port}")


def address_of(url: str, *below: str) -> str:
    """Server and path, and what is below that; neither scheme, query nor fragment."""
    return f"{server_of(url)}/{joined(path_of(url), *below)}"


def path_of(url: str) -> str:
    return unquote(urlsplit(url).path)


def joined(*parts: str) -> str:
    """The parts as one path, without what changes nothing in one."""
    path = posixpath.normpath(f"/{'/'.join(filter(None, parts))}")
    return path.strip("/")


def _address(name: str) -> str:
    """The address that the name is one of. Raises ValueError for any other name."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        # What the C library takes for one: 127.1, 0x7f000001.
        try:
            return socket.inet_ntoa(socket.inet_aton(name))
        except (OSError, UnicodeError):
            raise ValueError(name) from None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
