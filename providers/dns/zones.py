"""Chooses the DNS account that serves a certificate's names. Pure."""

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


def choose(accounts: Iterable[Account], names: Sequence[str]) -> Account | None:
    """The account whose zones cover every name and match longest; the default wins a tie.

    An account that names no zones covers everything, but any match of a zone beats it. None if no
    account covers all the names: then somebody has to say which one it is.
    """
    best: Account | None = None
    best_score: tuple[int, bool] = (-1, False)
    for account in accounts:
        lengths = [match_length(account.served, name) for name in names]
        if account.served and not all(lengths):
            continue
        score = (sum(lengths), account.is_default)
        if score > best_score:
            best, best_score = account, score
    return best
