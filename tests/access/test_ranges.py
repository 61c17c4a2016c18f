"""Name patterns and source networks: what is taken, in which form, and what they let in."""

from typing import Any

import pytest

from certmate.access import services
from certmate.access.models import ApiToken
from certmate.core.errors import InvalidRequest
from tests.access.test_tokens import make
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("WWW.Example.Test", "www.example.test"),
        ("*.dev.example.test", "*.dev.example.test"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_a_pattern_is_stored_as_names_are(cast: Cast, given: str, stored: str) -> None:
    assert make(cast.owner, name_patterns=[given])[0].name_patterns == [stored]


@pytest.mark.parametrize(
    "pattern",
    ["", "*", "*.", "*.com", "a.*.example.test", "*a.example.test", "*.*.example.test", "a b.test"],
)
def test_a_pattern_that_is_none_is_refused(cast: Cast, pattern: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        make(cast.owner, name_patterns=[pattern])
    assert refused.value.field == "name_patterns"
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        (" 192.0.2.0/24 ", "192.0.2.0/24"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_a_network_is_stored_in_one_form(cast: Cast, given: str, stored: str) -> None:
    assert make(cast.owner, networks=[given])[0].networks == [stored]


@pytest.mark.parametrize(
    "network",
    ["", "192.0.2.1/24", "192.0.2.0/33", "host.test", "10.0.0", "fe80::1%eth0", "::ffff:1.2.3.4"],
)
def test_a_network_that_is_none_is_refused(cast: Cast, network: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        make(cast.owner, networks=[network])
    assert (refused.value.code, refused.value.field) == ("token.network", "networks")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name_patterns", [f"h{n}.example.test" for n in range(51)]),
        ("networks", [f"192.0.2.{n}" for n in range(51)]),
    ],
)
def test_a_token_has_a_bounded_number_of_limits(cast: Cast, field: str, values: list[str]) -> None:
    few: dict[str, Any] = {field: values[1:]}
    many: dict[str, Any] = {field: values}
    assert make(cast.owner, **few)
    with pytest.raises(InvalidRequest) as refused:
        make(cast.owner, **many)
    assert (refused.value.code, refused.value.field) == ("token.too_many", field)


@pytest.mark.parametrize(
    ("networks", "address", "is_let_in"),
    [
        ([], "203.0.113.9", True),
        ([], "", True),
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.0/24"], "192.0.3.0", False),
        (["192.0.2.0/24"], "::ffff:192.0.2.5", True),
        (["192.0.2.0/24"], "", False),
        (["192.0.2.0/24"], "2001:db8::1", False),
        (["2001:db8::/32"], "2001:db8:ffff::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["2001:db8::/32", "192.0.2.1"], "192.0.2.1", True),
        (["0.0.0.0/0"], "2001:db8::1", False),
    ],
)
def test_a_token_is_known_only_in_its_networks(
    cast: Cast, networks: list[str], address: str, is_let_in: bool
) -> None:
    token, plaintext = make(cast.owner, networks=networks)
    assert (services.find_token(plaintext, address) is not None) == is_let_in
    token.refresh_from_db()
    assert (token.last_used_at is not None) == is_let_in
