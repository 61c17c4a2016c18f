"""A key file cannot ask for more work or memory than CertMate gives."""

import base64
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certmate.pki.encrypted import MAX_ROUNDS, MAX_SCRYPT_WORK, is_affordable
from certmate.pki.errors import PKIError
from certmate.pki.keys import load_private_key
from tests.pki.requests import tlv

PBES2 = bytes.fromhex("06092a864886f70d01050d")
PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
SCRYPT = bytes.fromhex("060b2b06010401da47040b")
AES = tlv(0x30, bytes.fromhex("060960864801650304012a"), tlv(0x04, bytes(16)))
HMAC = tlv(0x30, bytes.fromhex("06082a864886f70d02090500"))
SALT = tlv(0x04, bytes(16))


def integer(number: int) -> bytes:
    return tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def armoured(der: bytes) -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}-----END ENCRYPTED PRIVATE KEY-----\n"


def key_file(kdf: bytes, *parameters: bytes) -> str:
    derivation = tlv(0x30, kdf, tlv(0x30, SALT, *parameters))
    algorithm = tlv(0x30, PBES2, tlv(0x30, derivation, AES))
    return armoured(tlv(0x30, algorithm, tlv(0x04, bytes(200))))


def test_the_files_of_these_tests_are_what_openssl_reads() -> None:
    for pem in (
        key_file(PBKDF2, integer(2), integer(32), HMAC),
        key_file(SCRYPT, integer(16), integer(8), integer(1)),
    ):
        read = subprocess.run(
            ["openssl", "pkcs8", "-passin", "pass:x"], input=pem, capture_output=True, text=True
        )
        assert "error decrypting" in read.stderr.lower() or "bad decrypt" in read.stderr.lower()


@pytest.mark.parametrize("rounds", [MAX_ROUNDS + 1, 2**31 - 1, 2**63, 2**800])
def test_too_many_rounds_are_not_computed(rounds: int) -> None:
    assert is_affordable(key_file(PBKDF2, integer(MAX_ROUNDS), integer(32), HMAC))
    pem = key_file(PBKDF2, integer(rounds), HMAC)
    assert not is_affordable(pem)
    with pytest.raises(PKIError) as refused:
        load_private_key(pem, "x")
    assert refused.value.code == "key.password"


@pytest.mark.parametrize("work", [(2**22, 2, 1), (2, 2**22, 1), (2, 8, 2**19), (2**62, 8, 1)])
def test_too_much_memory_is_not_asked_for(work: tuple[int, int, int]) -> None:
    assert is_affordable(key_file(SCRYPT, *map(integer, (MAX_SCRYPT_WORK // 8, 8, 1)), integer(32)))
    assert not is_affordable(key_file(SCRYPT, *map(integer, work)))


def test_the_second_of_two_keys_is_looked_at_too() -> None:
    cheap, dear = key_file(PBKDF2, integer(1), HMAC), key_file(PBKDF2, integer(2**40), HMAC)
    assert is_affordable(cheap + cheap)
    assert not is_affordable(cheap + dear)
    assert not is_affordable(dear + cheap)
    assert not is_affordable(cheap + dear.replace("-----END", "*-----END"))


def test_a_length_in_the_long_form_hides_nothing() -> None:
    rounds = integer(2**40)
    hidden = rounds[:1] + b"\x81" + rounds[1:]
    assert not is_affordable(key_file(PBKDF2, hidden, HMAC))
    assert not is_affordable(key_file(PBKDF2, b"\x02\x84\x00\x00\x00\x06" + rounds[2:], HMAC))
    # Whoever takes 0x81 for the length reads small numbers in here.
    misread = b"\x00" + integer(1) * 41 + tlv(0x05) * 3
    assert not is_affordable(armoured(tlv(0x30, tlv(0x30, misread))))


def test_a_file_that_says_nothing_of_its_work_is_not_opened() -> None:
    for der in (b"", b"\x30", b"\x30\x82", tlv(0x30), tlv(0x30, tlv(0x30))):
        assert not is_affordable(armoured(der))


@given(st.binary(max_size=120))
def test_arbitrary_files_are_judged(der: bytes) -> None:
    assert is_affordable(armoured(der)) in {True, False}
    assert is_affordable(armoured(b"\x30\x70" + der)) in {True, False}
