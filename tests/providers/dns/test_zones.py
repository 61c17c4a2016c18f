"""Which DNS account serves a certificate's names."""

from dataclasses import dataclass

import pytest

from providers.dns.zones import choose, match_length


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
        (["x.dev.example.com", "www.example.com"], WIDE),
        (["a.example.org", "b.example.net"], OTHER),
        (["a.example.org", "www.example.com"], ANY),
        (["notexample.com"], ANY),
        (["WWW.Example.COM."], WIDE),
    ],
)
def test_the_longest_zone_that_covers_every_name_wins(names: list[str], account: Account) -> None:
    assert choose(ALL, names) is account
    assert choose(ALL[::-1], names) is account


def test_the_default_wins_a_tie_and_the_first_one_else() -> None:
    usual, default = Account(("example.com",)), Account(("example.com",), is_default=True)
    assert choose([usual, default], ["example.com"]) is default
    assert choose([usual, Account(("example.com",))], ["example.com"]) is usual


def test_nobody_is_chosen_whose_zones_do_not_cover_the_names() -> None:
    assert choose([WIDE, Account(("example.org",), is_default=True)], ["example.net"]) is None
    assert choose([], ["example.net"]) is None


def test_zones_are_compared_by_labels() -> None:
    assert match_length(["example.com", "com"], "www.example.com") == 2
    assert match_length(["ample.com"], "example.com") == 0
    assert match_length(["Example.COM."], "*.example.com") == 2
    assert match_length(["", "."], "example.com") == 0
