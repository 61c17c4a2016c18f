"""What the DNS says: where a name leads, who is authoritative for it, what each of them serves.

It asks recursive resolvers (the system's, or those that were named) for the way, and the name
servers of the zone themselves for the records, so that no cache is in between.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.query
import dns.rcode
import dns.resolver
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.NS import NS
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.txtbase import TXTBase

from certmate.core.outgoing import is_forbidden_address

PATIENCE = 3.0
"""Seconds for one answer; a resolver that takes longer is not asked again."""
_LONGEST_CHAIN = 8
_FAILURES = (dns.exception.DNSException, OSError, EOFError)


class Unanswered(Exception):
    """The resolvers do not answer."""


@dataclass(frozen=True)
class Server:
    """One address of an authoritative name server."""

    address: str
    port: int = 53

    def __str__(self) -> str:
        return self.address if self.port == 53 else f"{self.address} port {self.port}"


@dataclass
class Resolver:
    """`resolvers` are addresses, with `:port` if it is not 53; none means the system's. `port` is
    where authoritative servers listen.
    """

    resolvers: Sequence[str] = ()
    port: int = 53
    _asks: dns.resolver.Resolver | None = field(default=None, init=False)

    def canonical(self, name: str) -> str:
        """The name that CNAME records lead to from this one; itself if there are none.

        Raises Unanswered. A chain that goes in a circle ends where it was cut.
        """
        for _ in range(_LONGEST_CHAIN):
            found = [r for r in self._find(name, "CNAME") if isinstance(r, CNAME)]
            if not found:
                break
            name = _text(found[0].target)
        return name

    def servers(self, name: str) -> tuple[str, list[Server]]:
        """The zone that the name is in, and its authoritative servers. Raises Unanswered."""
        zone = self._zone(name)
        hosts = [_text(r.target) for r in self._find(zone, "NS") if isinstance(r, NS)]
        found = [
            record.address
            for host in hosts
            for kind in ("A", "AAAA")
            for record in self._find(host, kind)
            if isinstance(record, A | AAAA)
        ]
        usable = [a for a in dict.fromkeys(found) if not is_forbidden_address(a)]
        return zone, [Server(address, self.port) for address in usable]

    def _zone(self, name: str) -> str:
        labels = name.rstrip(".").split(".")
        for start in range(len(labels)):
            zone = ".".join(labels[start:])
            if self._find(zone, "SOA"):
                return zone
        raise Unanswered

    def _find(self, name: str, kind: str) -> list[object]:
        try:
            answer = self._resolver().resolve(f"{name.rstrip('.')}.", kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except _FAILURES:
            raise Unanswered from None
        # Where a CNAME was followed, this is about another name.
        if kind in ("SOA", "NS") and _text(answer.canonical_name) != name.rstrip(".").lower():
            return []
        return list(answer)

    def _resolver(self) -> dns.resolver.Resolver:
        if self._asks is None:
            self._asks = dns.resolver.Resolver(configure=not self.resolvers)
            if self.resolvers:
                self._asks.nameservers = [_nameserver(text) for text in self.resolvers]
            self._asks.lifetime = PATIENCE
        return self._asks


def _nameserver(text: str) -> dns.nameserver.Nameserver:
    parts = urlsplit(f"//{text}")
    return dns.nameserver.Do53Nameserver(str(parts.hostname), parts.port or 53)


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def texts(server: Server, name: str) -> set[str] | None:
    """The TXT values that this server has at the name; None if it does not answer for it."""
    question = dns.message.make_query(f"{name.rstrip('.')}.", "TXT")
    question.flags &= ~dns.flags.RD
    try:
        answer, _ = dns.query.udp_with_fallback(
            question, server.address, timeout=PATIENCE, port=server.port
        )
    except _FAILURES:
        return None
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return None
    return {
        b"".join(record.strings).decode(errors="replace")
        for rrset in answer.answer
        for record in rrset
        if isinstance(record, TXTBase)
    }


def missing(servers: Sequence[Server], wanted: Mapping[str, set[str]]) -> list[Server]:
    """Those of the servers that answer and do not serve all that is wanted. Raises Unanswered if
    none answers.
    """
    late: list[Server] = []
    silent = 0
    for server in servers:
        for name, values in wanted.items():
            found = texts(server, name)
            if found is None:
                silent += 1
                break
            if not values <= found:
                late.append(server)
                break
    if silent == len(servers):
        raise Unanswered
    return late


def until_served(
    servers: Sequence[Server],
    wanted: Mapping[str, set[str]],
    *,
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> list[Server]:
    """Ask the servers until each that answers serves all that is wanted, at most so long; returns
    those that still do not.
    """
    until, pause = now() + seconds, 0.5
    while True:
        try:
            late = missing(servers, wanted)
        except Unanswered:
            late = list(servers)
        left = until - now()
        if not late or left <= 0:
            return late
        sleep(min(pause, left))
        pause = min(pause * 1.5, 5.0)
