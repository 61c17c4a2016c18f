import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certmate.core import secrets
from certmate.core.secrets import SecretUnreadable, parse_keyring, rewrap, seal, unseal

OLD, NEW = secrets.new_master_key(), secrets.new_master_key()


@given(st.binary(max_size=200), st.text(max_size=50))
def test_what_was_sealed_opens_under_its_own_identity(plaintext: bytes, identity: str) -> None:
    ring = parse_keyring(OLD)
    assert unseal(ring, seal(ring, plaintext, identity=identity), identity=identity) == plaintext


def test_two_seals_of_one_secret_share_nothing_but_the_key_id() -> None:
    ring = parse_keyring(OLD)
    first, second = (seal(ring, b"canary", identity="a:1").split(".") for _ in range(2))
    assert first[:2] == second[:2]
    assert not set(first[2:]) & set(second[2:])


def test_a_token_moved_to_another_row_does_not_open() -> None:
    ring = parse_keyring(OLD)
    token = seal(ring, b"canary", identity="providers.DNSAccount.credentials:1")
    with pytest.raises(SecretUnreadable):
        unseal(ring, token, identity="providers.DNSAccount.credentials:2")


@pytest.mark.parametrize("part", [2, 3])
def test_a_changed_token_does_not_open(part: int) -> None:
    ring = parse_keyring(OLD)
    parts = seal(ring, b"canary", identity="a:1").split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part]))
    raw[-1] ^= 1
    parts[part] = base64.urlsafe_b64encode(raw).decode()
    with pytest.raises(SecretUnreadable):
        unseal(ring, ".".join(parts), identity="a:1")


@pytest.mark.parametrize("token", ["", "cm1", "cm2.a.b.c", "cm1.abcd.!!.??", "cm1.a.b.c.d"])
def test_garbage_is_refused_in_words(token: str) -> None:
    with pytest.raises(SecretUnreadable):
        unseal(parse_keyring(OLD), token, identity="a:1")


def test_rewrapping_changes_the_master_key_and_not_the_sealed_value() -> None:
    token = seal(parse_keyring(OLD), b"canary", identity="a:1")
    both = parse_keyring(f"{NEW},{OLD}")
    moved = rewrap(both, token, identity="a:1")
    assert moved.split(".")[3] == token.split(".")[3]
    assert unseal(parse_keyring(NEW), moved, identity="a:1") == b"canary"
    with pytest.raises(SecretUnreadable, match="not configured"):
        unseal(parse_keyring(NEW), token, identity="a:1")


@pytest.mark.parametrize(
    "text",
    ["", "short", base64.b64encode(b"x" * 31).decode(), f"{OLD},nonsense"],
    ids=["nothing", "no key", "31 octets", "one of two"],
)
def test_a_keyring_that_makes_no_sense_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="master key") as caught:
        parse_keyring(text)
    assert not text or text not in str(caught.value)
