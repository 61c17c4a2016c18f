"""A key that opens with a passphrase only, and what a wrong one is told."""

import subprocess
import traceback
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certmate.core.errors import InvalidRequest
from certmate.pki.keys import KeyType, generate
from providers.authority.custody import passphrase
from providers.authority.custody.base import MadeKey
from providers.authority.custody.passphrase import PASSPHRASE

SECRET = "correct horse battery staple"


@pytest.fixture(scope="module")
def made() -> MadeKey:
    return PASSPHRASE.make(KeyType.EC256, passphrase=SECRET)


def refusal(error: InvalidRequest) -> str:
    assert error.code == "authority.passphrase"
    assert error.field == "passphrase"
    assert not error.retryable
    return error.detail


def test_openssl_reads_it_with_the_passphrase_and_counts_the_rounds(
    made: MadeKey, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_text(made.stored["pem"])
    assert file.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    read = ["openssl", "pkey", "-in", str(file), "-noout", "-check", "-passin"]
    assert (
        subprocess.run([*read, f"pass:{SECRET}"], capture_output=True, check=False).returncode == 0
    )
    assert subprocess.run([*read, "pass:another one"], capture_output=True, check=False).returncode
    shown = subprocess.run(
        ["openssl", "asn1parse", "-in", str(file)], capture_output=True, text=True, check=True
    ).stdout
    assert "PBES2" in shown
    assert f"INTEGER           :{600_000:06X}" in shown
    assert "hmacWithSHA256" in shown
    assert "aes-256-cbc" in shown


def test_two_keys_under_one_passphrase_have_nothing_in_common(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passphrase, "ROUNDS", 1)
    pem = generate(KeyType.EC256)
    first, second = (passphrase.adopt(pem, passphrase=SECRET).stored["pem"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("wrong", [SECRET + " ", SECRET.upper(), "another passphrase", "x"])
def test_a_wrong_passphrase_does_not_open_it_and_is_not_repeated(made: MadeKey, wrong: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        PASSPHRASE.open(made.stored, wrong)
    assert "does not open" in refusal(refused.value)
    assert refused.value.__context__ is None
    if len(wrong) > 1:
        shown = "".join(traceback.format_exception(refused.value))
        assert wrong not in shown


def test_an_opened_key_does_not_stay_open(made: MadeKey) -> None:
    assert PASSPHRASE.open(made.stored, SECRET).public_key == made.public_key
    with pytest.raises(InvalidRequest) as refused:
        PASSPHRASE.open(made.stored, "")
    assert "enter it" in refusal(refused.value)


@pytest.mark.parametrize("short", ["", "eleven char", "e\u0301" * 11])
def test_a_short_passphrase_protects_nothing(short: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        PASSPHRASE.make(KeyType.EC256, passphrase=short)
    assert "at least 12" in refusal(refused.value)
    with pytest.raises(InvalidRequest):
        passphrase.adopt(generate(KeyType.EC256), passphrase=short)


def test_one_passphrase_is_the_same_on_every_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "ROUNDS", 1)
    composed = "Größe und Maß genügen"
    made = PASSPHRASE.make(KeyType.ED25519, passphrase=composed)
    decomposed = unicodedata.normalize("NFD", composed)
    assert decomposed != composed
    assert PASSPHRASE.open(made.stored, decomposed).public_key == made.public_key


@given(secret=st.text(st.characters(), min_size=0, max_size=30) | st.just("ü" * 501))
@settings(database=None, deadline=None, max_examples=100)
def test_any_passphrase_is_refused_or_opens_the_key_again(secret: str) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\n" + _ED25519 + "\n-----END PRIVATE KEY-----\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passphrase, "ROUNDS", 1)
        try:
            made = passphrase.adopt(pem, passphrase=secret)
        except InvalidRequest as error:
            refusal(error)
        else:
            assert PASSPHRASE.open(made.stored, secret).public_key == made.public_key


@pytest.mark.parametrize("secret", ["half a pair: \ud800" * 2, "x" * 1001])
def test_a_passphrase_that_no_tool_could_read_is_refused(secret: str) -> None:
    for attempt in (
        lambda: PASSPHRASE.make(KeyType.EC256, passphrase=secret),
        lambda: PASSPHRASE.open({"pem": ""}, secret),
    ):
        with pytest.raises(InvalidRequest) as refused:
            attempt()
        refusal(refused.value)
        assert refused.value.__context__ is None


@pytest.mark.parametrize("length", [1000, 12])
def test_the_longest_and_the_shortest_passphrase_open_the_key(
    length: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(passphrase, "ROUNDS", 1)
    made = PASSPHRASE.make(KeyType.EC256, passphrase="x" * length)
    assert PASSPHRASE.open(made.stored, "x" * length).public_key == made.public_key
    (tmp_path / "key.pem").write_text(made.stored["pem"])
    (tmp_path / "secret").write_text("x" * length)
    command = ["openssl", "pkey", "-in", "key.pem", "-noout", "-passin", "file:secret"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)


def test_a_damaged_key_cannot_be_told_from_a_wrong_passphrase(made: MadeKey) -> None:
    lines = made.stored["pem"].splitlines()
    for damaged in ("", "x", "\n".join([lines[0], lines[1], lines[-1]])):
        with pytest.raises(InvalidRequest) as refused:
            PASSPHRASE.open({"pem": damaged}, SECRET)
        refusal(refused.value)
        assert refused.value.__context__ is None


_ED25519 = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
