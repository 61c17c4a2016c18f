"""Where dns-01 answers have to stand when names delegate them by CNAME. Pure.

A CA follows a CNAME at _acme-challenge.NAME (RFC 8555 §8.4 leaves that to the DNS), so that the
answer may stand in a zone of another account, which then needs no right to the name's own zone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from providers.dns.zones import match_length, normalise

LABEL = "_acme-challenge"
"""Under which a dns-01 answer stands (RFC 8555 §8.4)."""


@dataclass(frozen=True)
class Reach:
    """What an account says that it can do: `zones` that it writes (none: any), `delegated` zones
    elsewhere whose challenges lead to them, and the one `target` that all of them have to lead to.
    """

    zones: Sequence[str] = ()
    delegated: Sequence[str] = ()
    target: str = ""

    def is_delegated(self, name: str) -> bool:
        """Whether the answer for this name has to stand elsewhere."""
        if self.target:
            return True
        return match_length(self.delegated, name) > match_length(self.zones, name)


def record_of(name: str) -> str:
    """Where the answer for a certificate's name is looked for."""
    return f"{LABEL}.{normalise(name)}"


def objections(reach: Reach, leads_to: Mapping[str, str]) -> dict[str, str]:
    """For each name whose answer could not be put where the CA will look: what to do about it.

    `leads_to` maps each name of the certificate to where its record's CNAMEs end.
    """
    found: dict[str, str] = {}
    for name, end in leads_to.items():
        record, end = record_of(name), end.rstrip(".").lower()
        wanted = reach.target or (
            f"{record}.{reach.zones[0]}" if reach.zones else "a name in a zone of the account"
        )
        if end == record:
            if reach.is_delegated(name):
                found[name] = f"Publish {record} CNAME {wanted}."
        elif not _is_ours(reach, end):
            found[name] = f"{record} leads to {end}; it has to lead to {wanted}."
    return found


def _is_ours(reach: Reach, end: str) -> bool:
    if reach.target:
        return end == reach.target.rstrip(".").lower()
    return not reach.zones or match_length(reach.zones, end) > 0


def overfull(capacity: int | None, ends: Iterable[str]) -> str:
    """A record that would have to hold more values than the provider keeps at one; "" if none."""
    if capacity is None:
        return ""
    most = Counter(ends).most_common(1)
    return most[0][0] if most and most[0][1] > capacity else ""
