"""Which DNS accounts serve a certificate's names."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dns.zones import match_length, share_out


@dataclass(frozen=True)
class Account:
    zones: tuple[str, ...] = ()
    is_default: bool = False

    @property
    def served(self) -> tuple[str, ...]:
        return self.zones


WIDE = Account(("example.com",))
DEEP = Account(("dev.example.com",))
OTHER = Account(("example.org", "example.net"))
ANY = Account((), is_default=True)
ALL = (WIDE, DEEP, OTHER, ANY)


@pytest.mark.parametrize(
    ("names", "account"),
    [
        (["www.example.com"], WIDE),
        (["example.com", "*.example.com"], WIDE),
        (["*.dev.example.com"], DEEP),
        (["x.dev.example.com", "dev.example.com"], DEEP),
        (["a.example.org", "b.example.net"], OTHER),
        (["notexample.com"], ANY),
        (["WWW.Example.COM."], WIDE),
    ],
)
def test_the_longest_zone_wins(names: list[str], account: Account) -> None:
    assert share_out(ALL, names) == [(account, names)]
    assert share_out(ALL[::-1], names) == [(account, names)]


def test_names_of_several_zones_go_to_several_accounts() -> None:
    names = ["a.example.org", "x.dev.example.com", "example.com", "*.example.com", "b.example.net"]
    shares = dict(share_out(ALL, names))
    assert shares == {
        OTHER: ["a.example.org", "b.example.net"],
        WIDE: ["example.com", "*.example.com"],
        DEEP: ["x.dev.example.com"],
    }


def test_one_account_is_preferred_where_its_zones_match_as_long() -> None:
    both = Account(("example.com", "example.org"))
    alone = Account(("example.com",), is_default=True)
    names = ["www.example.com", "www.example.org"]
    assert share_out([alone, both], names) == [(both, names)]
    assert share_out([alone, both], names[:1]) == [(alone, names[:1])]


def test_the_default_wins_a_tie_and_the_first_one_else() -> None:
    usual, default = Account(("example.com",)), Account(("example.com",), is_default=True)
    assert share_out([usual, default], ["example.com"])[0][0] is default
    assert share_out([usual, Account(("example.com",))], ["example.com"])[0][0] is usual


def test_a_name_that_nobody_covers_is_with_none() -> None:
    accounts = [WIDE, Account(("example.org",), is_default=True)]
    assert share_out(accounts, ["example.net"]) == []
    names = ["www.example.com", "example.net"]
    assert share_out(accounts, names) == [(WIDE, names[:1])]
    assert share_out([], names) == []


NAMES = st.lists(
    st.sampled_from(["a.test", "b.a.test", "c.b.a.test", "b.test", "c.b.test", "other"]),
    unique=True,
    max_size=4,
)
ACCOUNTS = st.lists(st.builds(Account, NAMES.map(tuple), st.booleans()), max_size=4)


@given(ACCOUNTS, NAMES)
def test_each_name_has_one_account_and_none_matches_longer(
    accounts: Sequence[Account], names: list[str]
) -> None:
    given_out = [(name, one) for one, mine in share_out(accounts, names) for name in mine]
    assert len(given_out) == len({name for name, _ in given_out})
    for name, one in given_out:
        longest = max(match_length(other.served, name) for other in accounts)
        assert match_length(one.served, name) == longest
    for name in set(names) - {name for name, _ in given_out}:
        assert all(other.served and not match_length(other.served, name) for other in accounts)


def test_zones_are_compared_by_labels() -> None:
    assert match_length(["example.com", "com"], "www.example.com") == 2
    assert match_length(["ample.com"], "example.com") == 0
    assert match_length(["Example.COM."], "*.example.com") == 2
    assert match_length(["", "."], "example.com") == 0
