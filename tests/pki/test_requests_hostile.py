"""Requests to a private authority without proof of possession, of weak keys, and made-up bytes."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certmate.pki.alt_names import AltNames
from certmate.pki.csr import MAX_BYTES
from certmate.pki.errors import PKIError
from certmate.pki.keys import KeyType, generate, load_private_key, to_pem
from certmate.pki.requests import ClientRequest, build_request, parse_request
from tests.pki.numbers import primes_after, private_key_pem
from tests.pki.requests import (
    EC_OPTIONS,
    EXTENSION_REQUEST,
    MICROSOFT_EXTENSION_REQUEST,
    extensions,
    handmade,
    openssl_request,
    request,
    tlv,
)
from tests.pki.requests import to_pem as request_pem

CODES = {
    "csr.malformed",
    "csr.signature",
    "key.weak",
    "subject.invalid",
    "subject.unknown",
    "san.invalid",
    "san.type",
    "name.invalid",
    "name.idna",
    "name.ip",
    "name.wildcard",
    "name.too_many",
}
SIGNED_AS_IT_IS = [KeyType.ED25519, KeyType.MLDSA44, KeyType.MLDSA65, KeyType.MLDSA87]


def outcome(pem_or_der: str | bytes) -> ClientRequest | PKIError:
    try:
        return parse_request(pem_or_der)
    except PKIError as error:
        return error


def refusal(pem_or_der: str | bytes) -> str:
    refused = outcome(pem_or_der)
    assert isinstance(refused, PKIError)
    return refused.code


def der_of(key_type: KeyType) -> bytes:
    names = AltNames(dns=("printer",), email=("a@b",))
    pem = build_request(generate(key_type), {"CN": "jane"}, names)
    return x509.load_pem_x509_csr(pem.encode()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("key_type", [KeyType.EC521, *SIGNED_AS_IT_IS])
def test_a_changed_request_has_no_signature(key_type: KeyType) -> None:
    der = der_of(key_type)
    assert refusal(der.replace(b"jane", b"joan")) == "csr.signature"
    assert refusal(der.replace(b"a@b", b"c@b")) == "csr.signature"
    assert refusal(der[:-1] + bytes([der[-1] ^ 1])) == "csr.signature"


@pytest.mark.parametrize("key_type", SIGNED_AS_IT_IS)
def test_the_signature_of_another_key_proves_nothing(key_type: KeyType) -> None:
    first, second = der_of(key_type), der_of(key_type)
    length = len(x509.load_der_x509_csr(first).signature)
    assert refusal(first[:-length] + second[-length:]) == "csr.signature"
    assert refusal(first[:-length] + bytes(length)) == "csr.signature"


def test_an_algorithm_that_is_not_the_one_of_the_key_is_no_signature() -> None:
    ed25519 = bytes.fromhex("06032b6570")
    # The second time it stands for the signature: RFC 8410 §3 and §6 use one identifier for both.
    head, _, tail = der_of(KeyType.ED25519).rpartition(ed25519)
    ed448 = bytes.fromhex("06032b6571")
    assert refusal(head + ed448 + tail) in {"csr.signature", "csr.malformed"}


def test_a_weak_hash_is_no_proof(tmp_path: Path) -> None:
    for weak in ("-sha1", "-sha224", "-sha3-256"):
        pem = openssl_request(tmp_path, "[dn]\nCN=jane\n", *EC_OPTIONS, weak)
        assert refusal(pem) == "csr.signature"


@pytest.mark.parametrize("newkey", ["rsa:1024", "ed448", "ec:secp256k1", "ec:secp224r1"])
def test_a_key_that_no_authority_certifies_is_refused(tmp_path: Path, newkey: str) -> None:
    options: tuple[str, ...] = ("-newkey", newkey)
    if newkey.startswith("ec:"):
        options = ("-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{newkey[3:]}")
    assert refusal(openssl_request(tmp_path, "[dn]\nCN=jane\n", *options)) == "key.weak"


def test_close_primes_are_refused() -> None:
    key_pem = private_key_pem(*primes_after(3 << 1022, 2))
    assert refusal(build_request(key_pem, {"CN": "jane"}, AltNames())) == "key.weak"


def test_two_lists_of_extensions_are_refused(ec_key: str) -> None:
    seen, hidden = extensions("seen"), extensions("hidden")
    once = tlv(0x30, EXTENSION_REQUEST, tlv(0x31, seen))
    again = tlv(0x30, EXTENSION_REQUEST, tlv(0x31, hidden))
    microsoft = tlv(0x30, MICROSOFT_EXTENSION_REQUEST, tlv(0x31, hidden))
    assert parse_request(handmade(ec_key, once)).alt_names == AltNames(dns=("seen",))
    for attributes in ((once, again), (once, microsoft), (microsoft,)):
        assert refusal(handmade(ec_key, *attributes)) == "csr.malformed"


def test_extensions_that_are_no_extensions_are_malformed(ec_key: str) -> None:
    for content in (b"", tlv(0x04), tlv(0x30, tlv(0x30)), tlv(0x30, b"\xff" * 9), b"\x30\x85"):
        attribute = tlv(0x30, EXTENSION_REQUEST, tlv(0x31, content))
        assert refusal(handmade(ec_key, attribute)) == "csr.malformed"
    hostile = tlv(0x30, b"\x06\x03\x55\x1d\x13", b"\x01\x01\xff", tlv(0x04, b"\x30\x03\x01\x01"))
    assert refusal(handmade(ec_key, tlv(0x30, EXTENSION_REQUEST, tlv(0x31, tlv(0x30, hostile)))))


def test_a_huge_request_is_refused(ec_key: str) -> None:
    sans = [x509.DNSName(f"host{number}") for number in range(101)]
    assert refusal(request_pem(request(ec_key, *sans))) == "name.too_many"
    assert refusal("x" * (MAX_BYTES + 1)) == "csr.malformed"
    assert refusal(b"\x30" * (MAX_BYTES + 1)) == "csr.malformed"
    nested = b"\x05\x00"
    for _ in range(9000):
        nested = tlv(0x30, nested)
    assert refusal(nested) == "csr.malformed"


def test_anything_but_one_request_is_refused(ec_key: str) -> None:
    pem = build_request(ec_key, {"CN": "jane"}, AltNames())
    for text in ("", pem + pem, pem[:-30], ec_key, pem + ec_key, pem.replace("REQUEST", "X")):
        assert refusal(text) == "csr.malformed"
    refused = outcome(to_pem(load_private_key(ec_key)))
    assert isinstance(refused, PKIError)
    assert ec_key.splitlines()[1][:16] not in refused.detail


@pytest.fixture(scope="module")
def ders() -> list[bytes]:
    return [der_of(key_type) for key_type in (KeyType.EC256, KeyType.ED25519, KeyType.MLDSA44)]


@pytest.mark.filterwarnings("ignore:Parsed a serial number", "ignore:Attribute's length")
@given(st.data())
def test_a_damaged_request_is_refused_in_our_own_words(
    ders: list[bytes], data: st.DataObject
) -> None:
    der = data.draw(st.sampled_from(ders))
    damaged = bytearray(der)
    for _ in range(data.draw(st.integers(1, 4))):
        # The head of an ML-DSA request, where the structure is, and not only its long key.
        position = data.draw(st.integers(0, len(damaged) - 1) | st.integers(0, 99))
        damaged[position] = data.draw(st.integers(0, 255))
    parsed = outcome(bytes(damaged))
    if isinstance(parsed, PKIError):
        assert parsed.code in CODES
    else:
        assert parsed == outcome(der)


OCTETS = st.binary(max_size=12)
NAME_TAGS = st.integers(0x80, 0x88) | st.sampled_from([0xA0, 0xA3, 0xA4, 0x30])
NAMES = st.builds(tlv, NAME_TAGS, OCTETS | st.text("a.@:/*1", max_size=9).map(str.encode))
EXTENSION_OIDS = st.sampled_from([0x11, 0x13, 0x0F, 0x1E]).map(
    lambda last: b"\x06\x03\x55\x1d%c" % last
)
EXTENSION_VALUES = OCTETS | st.lists(NAMES, max_size=3).map(lambda names: tlv(0x30, *names))
EXTENSIONS = st.builds(
    lambda oid, value: tlv(0x30, oid, tlv(0x04, value)), EXTENSION_OIDS, EXTENSION_VALUES
)


@given(st.lists(EXTENSIONS, max_size=3))
def test_a_signed_request_with_hostile_extensions_is_refused_in_our_own_words(
    ec_key: str, made: list[bytes]
) -> None:
    attribute = tlv(0x30, EXTENSION_REQUEST, tlv(0x31, tlv(0x30, *made)))
    parsed = outcome(handmade(ec_key, attribute))
    if isinstance(parsed, PKIError):
        assert parsed.code in CODES
        assert parsed.detail.isprintable()


TEXTS = OCTETS | st.text(max_size=6).map(lambda text: text.encode("utf-16-be", "replace"))
STRING_TAGS = st.sampled_from([0x03, 0x04, 0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E, 0x30])
SUBJECT_OIDS = st.sampled_from([0x03, 0x05, 0x06, 0x09, 0x0A, 0x2D]).map(
    lambda last: b"\x06\x03\x55\x04%c" % last
)
ATTRIBUTES = st.builds(
    lambda oid, tag, text: tlv(0x30, oid, tlv(tag, text)), SUBJECT_OIDS, STRING_TAGS, TEXTS
)
LEVELS = st.lists(ATTRIBUTES, max_size=2).map(lambda attributes: tlv(0x31, *attributes))


@pytest.mark.filterwarnings("ignore:Attribute's length")
@given(st.lists(LEVELS, max_size=3))
def test_a_signed_request_with_a_hostile_subject_is_refused_in_our_own_words(
    ec_key: str, levels: list[bytes]
) -> None:
    parsed = outcome(handmade(ec_key, subject=tlv(0x30, *levels)))
    if isinstance(parsed, PKIError):
        assert parsed.code in CODES
        assert parsed.detail.isprintable()
    else:
        assert all(value.isprintable() for value in parsed.subject.values())


@given(st.binary(max_size=400) | st.text(max_size=400))
def test_arbitrary_input_is_refused_in_our_own_words(text: bytes | str) -> None:
    assert refusal(text) == "csr.malformed"
