"""What keys we make, and which ones nobody gets certified."""

import hashlib
import subprocess
import traceback
from math import isqrt

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from certmate.pki.errors import PKIError
from certmate.pki.keys import KeyType, check_strength, describe, generate, load_private_key
from tests.pki.numbers import primes_after, private_key_pem, roca_prime


def refusal(public_key: PublicKeyTypes) -> str:
    with pytest.raises(PKIError) as refused:
        check_strength(public_key)
    assert refused.value.code == "key.weak"
    return refused.value.detail


def public_rsa(modulus: int, exponent: int = 65537) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def modulus_of(pem: str) -> int:
    key = load_private_key(pem)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.public_key().public_numbers().n


@pytest.mark.parametrize(
    ("key_type", "algorithm", "size", "shown"),
    [
        (KeyType.RSA2048, "RSA", 2048, "2048 bit"),
        (KeyType.RSA3072, "RSA", 3072, "3072 bit"),
        (KeyType.RSA4096, "RSA", 4096, "4096 bit"),
        (KeyType.EC256, "ECDSA", 256, "P-256"),
        (KeyType.EC384, "ECDSA", 384, "P-384"),
    ],
)
def test_every_key_type_is_made_as_pkcs8_that_openssl_reads(
    key_type: KeyType, algorithm: str, size: int, shown: str
) -> None:
    pem = generate(key_type)
    assert pem.startswith("-----BEGIN PRIVATE KEY-----\n")
    openssl = subprocess.run(
        ["openssl", "pkey", "-noout", "-text", "-check"],
        input=pem,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Key is valid" in openssl.stdout + openssl.stderr
    assert shown in openssl.stdout
    public_key = load_private_key(pem).public_key()
    facts = describe(public_key)
    assert (facts.algorithm, facts.size) == (algorithm, size)
    check_strength(public_key)


def test_a_key_is_known_by_the_hash_of_its_spki(ec_key: str) -> None:
    spki = subprocess.run(
        ["openssl", "pkey", "-pubout", "-outform", "DER"],
        input=ec_key.encode(),
        capture_output=True,
        check=True,
    ).stdout
    facts = describe(load_private_key(ec_key).public_key())
    assert facts.spki_sha256 == hashlib.sha256(spki).hexdigest()


def test_foreign_algorithms_are_described_and_refused() -> None:
    edwards = ed25519.Ed25519PrivateKey.generate().public_key()
    assert (describe(edwards).algorithm, describe(edwards).size) == ("Ed25519", 256)
    assert "RSA and EC" in refusal(edwards)
    goldilocks = ed448.Ed448PrivateKey.generate().public_key()
    assert describe(goldilocks).algorithm == "Ed448"
    assert "RSA and EC" in refusal(goldilocks)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_the_nist_curves_are_strong(curve: ec.EllipticCurve) -> None:
    check_strength(ec.generate_private_key(curve).public_key())


def test_other_curves_are_refused() -> None:
    assert "P-256" in refusal(ec.generate_private_key(ec.SECP256K1()).public_key())
    assert "P-256" in refusal(ec.generate_private_key(ec.BrainpoolP256R1()).public_key())


@pytest.mark.parametrize("bits", [1024, 2047, 8193, 16384])
def test_rsa_of_an_unreasonable_size_is_refused(bits: int) -> None:
    assert f"this one has {bits}" in refusal(public_rsa((1 << (bits - 1)) | 1))


def test_an_rsa_size_that_is_no_multiple_of_8_is_refused() -> None:
    assert "multiple of 8" in refusal(public_rsa((1 << 2050) | 1))


@pytest.mark.parametrize("exponent", [3, 17, 65535, 2**256 + 1])
def test_an_exponent_outside_the_range_is_refused(rsa_key: str, exponent: int) -> None:
    assert "exponent" in refusal(public_rsa(modulus_of(rsa_key), exponent))


def test_a_small_factor_is_found(rsa_key: str) -> None:
    modulus = modulus_of(rsa_key)
    with_factor = next(n for n in range(modulus - 4000, modulus) if n % 2 and n % 751 == 0)
    assert "below 752" in refusal(public_rsa(with_factor))


def test_close_primes_are_found() -> None:
    p, q = primes_after(3 << 1022, 2)
    assert "too close" in refusal(public_rsa(p * q))
    assert "too close" in refusal(public_rsa(p * p))


def test_primes_at_the_hundredth_round_are_close_and_a_few_rounds_further_are_not() -> None:
    # With p = a + b and q = a - b the search starts at about a - b*b/2a, so b = sqrt(2a*rounds).
    middle = 3 << 1022

    def modulus(rounds: int) -> int:
        offset = isqrt(2 * middle * rounds)
        for shift in range(1, 20_000, 2):
            p, q = middle + offset + shift, middle - offset + shift - 1
            candidate = p * (q | 1)
            if all(candidate % d for d in range(3, 752, 2)):
                return candidate
        raise AssertionError

    assert "too close" in refusal(public_rsa(modulus(98)))
    check_strength(public_rsa(modulus(103)))


def test_a_key_from_the_roca_generator_is_found() -> None:
    p, q = roca_prime(1024, seed=1), roca_prime(1024, seed=2)
    assert "ROCA" in refusal(public_rsa(p * q))


def test_one_prime_from_the_roca_generator_is_not_the_fingerprint() -> None:
    """The fingerprint is of the product, so a good second prime must hide the first."""
    check_strength(public_rsa(roca_prime(1024, seed=1) * primes_after(7 << 1021, 1)[0]))


def test_the_faulty_keys_of_these_tests_are_real_keys() -> None:
    p, q = primes_after(3 << 1022, 2)
    assert modulus_of(private_key_pem(p, q)) == p * q


def test_what_is_no_private_key_is_refused_without_a_trace_of_it(ec_key: str) -> None:
    key = load_private_key(ec_key)
    encrypted = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    ).decode()
    body = ec_key.splitlines()[1]
    inputs = ["", "x", "ü", encrypted, ec_key.replace(body, body[:20]), ec_key + " " * 40_000]
    for text in inputs:
        with pytest.raises(PKIError) as refused:
            load_private_key(text)
        assert refused.value.code == "key.malformed"
        assert refused.value.__cause__ is None
        assert refused.value.__context__ is None
        assert body[:20] not in "".join(traceback.format_exception(refused.value))


def test_an_ed25519_key_is_not_one_that_we_use() -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with pytest.raises(PKIError):
        load_private_key(pem.decode())
