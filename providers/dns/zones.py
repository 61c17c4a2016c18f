"""Chooses the DNS accounts that serve a certificate's names. Pure."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar


class ZonedAccount(Protocol):
    """What the choice looks at. Serving no zones at all means: serves anything."""

    @property
    def served(self) -> Sequence[str]: ...
    @property
    def is_default(self) -> bool: ...


Account = TypeVar("Account", bound=ZonedAccount)


def normalise(name: str) -> str:
    """A zone or a certificate's name as it is compared: lower case, no wildcard, no final dot."""
    return name.strip().lower().removeprefix("*.").rstrip(".")


def match_length(zones: Iterable[str], name: str) -> int:
    """How many labels of `name` the longest of these zones covers; 0 if none does."""
    name = normalise(name)
    covering = [z for z in map(normalise, zones) if z and (name == z or name.endswith("." + z))]
    return max((zone.count(".") + 1 for zone in covering), default=0)


def share_out(accounts: Sequence[Account], names: Sequence[str]) -> list[tuple[Account, list[str]]]:
    """Each name with the account whose zones match it longest: as few accounts as that allows, the
    default of those that serve as many.

    An account that names no zones covers everything, but any match of a zone beats it. A name that
    no account covers is with none: then somebody has to say which one it is.
    """
    best = {name: max((_reach(one, name) for one in accounts), default=-1) for name in names}
    left = {name for name in names if best[name] >= 0}
    fits = [(one, {name for name in left if _reach(one, name) == best[name]}) for one in accounts]
    shares = []
    while left:
        account, mine = max(fits, key=lambda fit: (len(fit[1] & left), fit[0].is_default))
        shares.append((account, [name for name in names if name in mine & left]))
        left -= mine
    return sorted(shares, key=lambda share: names.index(share[1][0]))


def _reach(account: ZonedAccount, name: str) -> int:
    """How long the account's match is; -1 if it does not cover the name."""
    return match_length(account.served, name) or (-1 if account.served else 0)
