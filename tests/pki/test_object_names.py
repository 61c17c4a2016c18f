"""A certificate's own name is safe in paths, and every object has a place of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certmate.pki.errors import PKIError
from certmate.pki.names import (
    default_object_name,
    directory_name,
    object_name,
    parse_name,
    safe_object_name,
)


@pytest.mark.parametrize(
    "text", ["example.com", "*.example.com", "web_1", "a", "_x", "192.0.2.1", "a" * 200]
)
def test_a_slug_is_a_safe_object_name(text: str) -> None:
    assert safe_object_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "*",
        "*.",
        "a..b",
        "../etc",
        "a/b",
        "a\\b",
        ".a",
        "-a",
        "a.",
        "a-",
        "A",
        "ü",
        "a*",
        "a.*",
        "*.*.a",
        "a\n",
        "a\x00",
        "a b",
        "%2e",
        "::1",
        "a" * 201,
        "_wildcard.example.com",
    ],
)
def test_what_could_leave_its_folder_is_no_object_name(text: str) -> None:
    with pytest.raises(PKIError) as refused:
        safe_object_name(text)
    assert refused.value.code == "name.invalid"


@given(st.from_regex(r"(\*\.)?[a-z0-9_.-]{1,30}", fullmatch=True))
def test_no_two_objects_share_a_directory(text: str) -> None:
    try:
        name = safe_object_name(text)
    except PKIError:
        return
    directory = directory_name(name)
    assert "*" not in directory
    assert object_name(directory) == name


def test_a_wildcard_has_the_directory_of_the_documented_layout() -> None:
    assert directory_name("*.example.com") == "_wildcard.example.com"
    assert directory_name("example.com") == "example.com"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*.example.com", "*.example.com"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "ipv6-2001-0db8-0000-0000-0000-0000-0000-0001"),
    ],
)
def test_every_kind_of_primary_name_gives_an_object_name(text: str, expected: str) -> None:
    name = default_object_name(parse_name(text))
    assert name == expected
    assert safe_object_name(name) == name


def test_a_long_primary_name_asks_for_an_object_name_of_its_own() -> None:
    long = parse_name(".".join(["a" * 60] * 3) + ".very-long.example.com")
    with pytest.raises(PKIError):
        default_object_name(long)
