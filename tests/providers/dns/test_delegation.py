"""Where answers have to stand when names delegate them, and what is in the way."""

import pytest

from providers.dns.delegation import Reach, objections, overfull, record_of

MINE = Reach(zones=("acme.example.net",), delegated=("example.org",))
ONE = Reach(target="abc.auth.example.net")


def test_the_record_of_a_wildcard_is_that_of_its_parent() -> None:
    assert record_of("*.Example.org.") == "_acme-challenge.example.org"


@pytest.mark.parametrize(
    ("reach", "name", "end", "part"),
    [
        (MINE, "www.example.org", "_acme-challenge.www.example.org", "Publish _acme-challenge.www"),
        (MINE, "www.example.org", "x.elsewhere.test", "has to lead to"),
        (MINE, "www.example.org", "x.acme.example.net", ""),
        (MINE, "www.acme.example.net", "_acme-challenge.www.acme.example.net", ""),
        # Not declared as delegated, and yet it leads where the account can write.
        (MINE, "www.example.com", "y.acme.example.net.", ""),
        (Reach(), "www.example.org", "_acme-challenge.www.example.org", ""),
        (Reach(), "www.example.org", "x.anywhere.test", ""),
        (ONE, "www.example.org", "_acme-challenge.www.example.org", "CNAME abc.auth.example.net"),
        (ONE, "www.example.org", "def.auth.example.net", "has to lead to abc.auth.example.net"),
        (ONE, "www.example.org", "ABC.auth.example.net.", ""),
    ],
)
def test_what_would_not_be_found_is_objected_to(
    reach: Reach, name: str, end: str, part: str
) -> None:
    found = objections(reach, {name: end})
    assert set(found) == ({name} if part else set())
    assert part in found.get(name, "")


def test_a_zone_of_ones_own_inside_a_delegated_one_is_not_delegated() -> None:
    reach = Reach(zones=("sub.example.org",), delegated=("example.org",))
    assert not reach.is_delegated("www.sub.example.org")
    assert reach.is_delegated("www.example.org")


def test_a_record_holds_what_the_provider_keeps() -> None:
    ends = ["_acme-challenge.a.test", "_acme-challenge.a.test", "_acme-challenge.b.test"]
    assert overfull(1, ends) == "_acme-challenge.a.test"
    assert overfull(2, ends) == ""
    assert overfull(None, ends) == ""
    assert overfull(1, []) == ""
