"""Which names are taken, in which form, and what hostile input runs into."""

import ipaddress
import itertools
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certmate.pki.errors import PKIError
from certmate.pki.names import (
    MAX_NAMES,
    Name,
    parse_name,
    parse_names,
)


def outcome(text: str) -> Name | PKIError:
    try:
        return parse_name(text)
    except PKIError as error:
        return error


def refusal(text: str) -> str:
    with pytest.raises(PKIError) as refused:
        parse_name(text)
    return refused.value.code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("example.com", "example.com"),
        ("WWW.Example.COM", "www.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--BCHER-kva.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("\uff45xample\u3002com", "example.com"),
        ("παράδειγμα.ελ", "xn--hxajbheg2az3al.xn--qxam"),
        ("host.internal", "host.internal"),
        ("deep.er.host.test", "deep.er.host.test"),
        ("me.github.io", "me.github.io"),
        ("github.io", "github.io"),
        ("www.ck", "www.ck"),
        ("city.kobe.jp", "city.kobe.jp"),
        ("1.example.com", "1.example.com"),
        ("a--b.example.com", "a--b.example.com"),
        ("a" * 63 + ".example.com", "a" * 63 + ".example.com"),
    ],
)
def test_a_dns_name_becomes_lower_case_a_labels(text: str, value: str) -> None:
    assert parse_name(text) == Name(value, "dns")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("*.example.com", "*.example.com"),
        ("*.Bücher.example", "*.xn--bcher-kva.example"),
        ("*.github.io", "*.github.io"),
        ("*.host.internal", "*.host.internal"),
    ],
)
def test_a_wildcard_is_the_whole_leftmost_label(text: str, value: str) -> None:
    assert parse_name(text) == Name(value, "dns", wildcard=True)


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "**.example.com",
        "*.*.example.com",
        "a*.example.com",
        "www.*.com",
        "*.test",
        "*。a.test",
    ],
)
def test_any_other_wildcard_is_refused(text: str) -> None:
    assert refusal(text) == "name.wildcard"


@pytest.mark.parametrize(
    "text",
    ["com", "co.uk", "*.co.uk", "*.com", "foo.ck", "*.ck", "x.kobe.jp", "xn--p1ai", "рф", "*.рф"],
)
def test_a_public_suffix_and_a_wildcard_over_one_are_refused(text: str) -> None:
    assert refusal(text) == "name.public_suffix"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "localhost",
        "example.com.",
        "example.com。",
        ".example.com",
        "*.",
        "*..example.com",
        "a..example.com",
        " example.com",
        "example.com\n",
        "exa mple.com",
        "exa\x00mple.com",
        "a_b.example.com",
        "_acme-challenge.example.com",
        "-a.example.com",
        "a-.example.com",
        "ab--c.example.com",
        "a" * 64 + ".example.com",
        ".".join(["a" * 61] * 4) + ".example.com",
        "*." + ".".join(["a" * 60] * 4) + ".test.test",
        "a." * 10_000_000 + "com",
        "é" * 300 + ".example",
        "*." + "ü." * 31 + "test",
        "http://example.com",
        "example.com:443",
        "example.com/24",
        "user@example.com",
        "example.com\x7f",
        "example.com,example.org",
    ],
)
def test_what_is_no_host_name_is_refused(text: str) -> None:
    assert refusal(text) == "name.invalid"


@pytest.mark.parametrize(
    "text",
    [
        "xn--a.example",
        "xn--99999999999999.example",
        "xn--n3h.example",
        "xn---bbk.example",
        "xn--bcher-kvä.example",
        "☃.example",
        "a\u200db.example",
        "a\u202eb.example",
        "\ud800.example",
        "bü\x00cher.example",
        "bü_cher.example",
        "\uff0a.example.com",
        "\u0300a.example",
        "é" * 64 + ".example",
    ],
)
def test_what_idna_2008_does_not_know_is_refused(text: str) -> None:
    assert refusal(text) == "name.idna"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "127.0.0.1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("::1", "::1"),
    ],
)
def test_an_ip_address_takes_its_canonical_form(text: str, value: str) -> None:
    assert parse_name(text) == Name(value, "ip")


@pytest.mark.parametrize(
    "text",
    [
        "127.1",
        "0177.0.0.1",
        "192.0.2.07",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "a.0x",
        "1.2.3.4.5",
        "256.1.1.1",
        "\uff11\uff12\uff17.0.0.1",
        "127.0.0.①",
        "*.192.0.2.7",
        "host.123",
        "fe80::1%eth0",
        "[::1]",
        "::ffff:192.0.2.7",
        "1::2::3",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
    ],
)
def test_odd_forms_of_ip_addresses_are_refused(text: str) -> None:
    assert refusal(text) == "name.ip"


@given(st.text(max_size=300) | st.text(alphabet=string.printable + "*.-_:%üß。①", max_size=300))
def test_arbitrary_text_is_refused_or_lands_in_a_stable_form(text: str) -> None:
    name = outcome(text)
    if isinstance(name, PKIError):
        assert name.code.startswith("name.")
        assert name.detail.isprintable()
        assert len(name.detail) < 250
        return
    assert parse_name(name.value) == name
    assert name.value.isascii()
    assert len(name.value) <= 253


@given(st.lists(st.text(alphabet="abcxyzßüñлд测試0", min_size=1, max_size=12), max_size=5))
def test_every_name_that_is_taken_is_letters_digits_and_hyphens(labels: list[str]) -> None:
    try:
        name = parse_name(".".join([*labels, "test"]))
    except PKIError:
        return
    assert set(name.value) <= set(string.ascii_lowercase + string.digits + "-.")


@given(st.ip_addresses())
def test_an_address_is_an_address_or_refused_as_one(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    name = outcome(str(address))
    if isinstance(name, PKIError):
        assert name.code == "name.ip"
        return
    assert name.kind == "ip"
    assert ipaddress.ip_address(name.value) == address


def test_the_primary_name_comes_first_and_each_name_once() -> None:
    names = parse_names("b.test.test", ["a.test.test", "B.test.test", "a.test.test", "192.0.2.1"])
    assert [name.value for name in names] == ["b.test.test", "a.test.test", "192.0.2.1"]


def test_a_hundred_names_are_taken_and_one_more_is_not() -> None:
    sans = [f"h{n}.example.com" for n in range(MAX_NAMES)]
    assert len(parse_names("h0.example.com", sans)) == MAX_NAMES
    with pytest.raises(PKIError) as refused:
        parse_names("example.com", sans)
    assert refused.value.code == "name.too_many"


def test_an_endless_list_of_names_stops_at_the_limit() -> None:
    with pytest.raises(PKIError) as refused:
        parse_names("example.com", (f"h{n}.example.com" for n in itertools.count()))
    assert refused.value.code == "name.too_many"
