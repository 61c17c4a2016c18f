"""Requests without proof of possession, with weak keys, and bytes that are no request at all."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from certmate.pki import csr
from certmate.pki.errors import PKIError
from certmate.pki.keys import PrivateKey
from tests.pki.numbers import primes_after, private_key_pem, roca_prime
from tests.pki.requests import (
    EC_OPTIONS,
    EXTENSION_REQUEST,
    MICROSOFT_EXTENSION_REQUEST,
    NAMES,
    extensions,
    handmade,
    openssl_request,
    outcome,
    refusal,
    request,
    tlv,
    to_pem,
)


def test_every_flipped_byte_of_the_signature_is_noticed(good_der: bytes) -> None:
    signature = x509.load_der_x509_csr(good_der).signature
    for offset in range(8, len(signature)):
        position = len(good_der) - len(signature) + offset
        flipped = bytearray(good_der)
        flipped[position] ^= 0x01
        assert refusal(bytes(flipped)) in {"csr.signature", "csr.malformed"}


def test_another_name_under_the_same_signature_is_noticed(good_der: bytes) -> None:
    assert refusal(good_der.replace(b"www.example", b"wwx.example")) == "csr.signature"


def test_a_hash_that_cas_do_not_take_is_no_signature(tmp_path: Path) -> None:
    config = "[dn]\nCN=www.example.com\n"
    csr.parse(openssl_request(tmp_path, config, *EC_OPTIONS, "-sha256"))
    for weak in ("-sha1", "-sha224", "-sha3-256"):
        assert refusal(openssl_request(tmp_path, config, *EC_OPTIONS, weak)) == "csr.signature"


def pkcs8(key: PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "make_key",
    [
        lambda: pkcs8(rsa.generate_private_key(65537, 1024)),
        lambda: pkcs8(rsa.generate_private_key(3, 2048)),
        lambda: private_key_pem(*primes_after(3 << 1022, 2)),
        lambda: private_key_pem(roca_prime(1024, seed=1), roca_prime(1024, seed=2)),
        lambda: pkcs8(ec.generate_private_key(ec.SECP256K1())),
    ],
    ids=["rsa-1024", "exponent-3", "close-primes", "roca", "secp256k1"],
)
def test_a_weak_key_is_refused_although_its_signature_verifies(
    make_key: Callable[[], str],
) -> None:
    made = request(make_key(), x509.DNSName("www.example.com"))
    assert made.is_signature_valid
    assert refusal(to_pem(made)) == "key.weak"


@pytest.mark.parametrize(
    "options",
    [
        ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime192v1"),
        ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp112r1"),
        ("-newkey", "rsa:512"),
        ("-newkey", "ed448"),
        ("-newkey", "ed25519"),
    ],
    ids=lambda options: options[-1],
)
def test_a_key_that_no_ca_takes_is_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert refusal(openssl_request(tmp_path, "[dn]\nCN=www.example.com\n", *options)) == "key.weak"


def test_a_curve_spelled_out_in_parameters_is_refused(tmp_path: Path) -> None:
    options = (*EC_OPTIONS, "-pkeyopt", "ec_param_enc:explicit")
    pem = openssl_request(tmp_path, "[dn]\nCN=www.example.com\n", *options)
    assert refusal(pem) in {"key.weak", "csr.malformed"}


def test_anything_but_one_request_is_refused(good: str, good_der: bytes, ec_key: str) -> None:
    body = good.splitlines()[1]
    inputs: list[str | bytes] = [
        "",
        b"",
        "MIIB",
        good + good,
        good + ec_key,
        ec_key,
        good.replace("REQUEST", "REQUESTS"),
        good.replace("CERTIFICATE REQUEST", "CERTIFICATE"),
        good.replace("END CERTIFICATE", "END NEW CERTIFICATE"),
        good.replace(body, body[:-1]),
        good.replace(body, body[:-4] + "ü***"),
        good.replace(body, "Proc-Type: 4,ENCRYPTED\n\n" + body),
        good[:-30],
        good.encode("utf-16"),
        good_der[:-1],
        good_der + b"\x00",
        good_der + good_der,
        b"\x30\x84\xff\xff\xff\xff" + good_der,
        base64.b64encode(good_der),
    ]
    for text in inputs:
        assert refusal(text) == "csr.malformed"


def test_an_oversized_request_is_refused_before_it_is_parsed(good: str) -> None:
    assert refusal("x" * csr.MAX_BYTES + good) == "csr.malformed"
    assert refusal(b"\x30" * (csr.MAX_BYTES + 1)) == "csr.malformed"


def test_two_lists_of_extensions_are_refused(ec_key: str) -> None:
    seen, hidden = extensions("www.example.com"), extensions("hidden.example.com")
    once = tlv(0x30, EXTENSION_REQUEST, tlv(0x31, seen))
    again = tlv(0x30, EXTENSION_REQUEST, tlv(0x31, hidden))
    microsoft = tlv(0x30, MICROSOFT_EXTENSION_REQUEST, tlv(0x31, hidden))
    both = tlv(0x30, EXTENSION_REQUEST, tlv(0x31, seen, hidden))
    double = tlv(
        0x30, EXTENSION_REQUEST, tlv(0x31, extensions("www.example.com", "hidden.example.com"))
    )
    assert len(csr.parse(handmade(ec_key, once)).names) == 1
    assert refusal(handmade(ec_key, once, again)) == "csr.malformed"
    assert refusal(handmade(ec_key, once, microsoft)) == "csr.malformed"
    assert refusal(handmade(ec_key, both)) == "csr.malformed"
    assert refusal(handmade(ec_key, double)) == "csr.malformed"


def test_a_private_key_in_the_place_of_a_request_is_not_repeated(ec_key: str) -> None:
    with pytest.raises(PKIError) as refused:
        csr.parse(ec_key)
    assert "private key" in refused.value.detail
    assert ec_key.splitlines()[1][:16] not in refused.value.detail


@pytest.mark.filterwarnings("ignore:Parsed a serial number", "ignore:Attribute's length")
@given(st.data())
def test_a_damaged_request_is_refused_in_our_own_words(
    good_der: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(good_der)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        damaged[position] = data.draw(st.integers(0, 255))
    parsed = outcome(bytes(damaged))
    if isinstance(parsed, PKIError):
        assert parsed.code in {"csr.malformed", "csr.signature", "csr.names", "key.weak"}
    else:
        assert parsed.names == NAMES


@given(st.binary(max_size=400) | st.text(max_size=400))
def test_arbitrary_input_is_refused_in_our_own_words(text: bytes | str) -> None:
    assert refusal(text) == "csr.malformed"


@given(st.binary(max_size=200))
def test_arbitrary_bytes_after_the_start_of_a_sequence_are_refused(tail: bytes) -> None:
    assert refusal(b"\x30\x82" + tail) == "csr.malformed"


def test_an_ed25519_request_is_described_by_its_fault() -> None:
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(ed25519.Ed25519PrivateKey.generate(), None)
    )
    with pytest.raises(PKIError, match="only RSA and EC"):
        csr.parse(to_pem(made))
