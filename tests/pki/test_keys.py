"""What keys we make, and which ones nobody gets certified."""

import hashlib
import os
import subprocess
import traceback
from math import isqrt

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, mldsa, mlkem, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from certmate.pki.errors import PKIError
from certmate.pki.keys import (
    ACME_KEY_TYPES,
    EXPERIMENTAL,
    MAX_KEY_BYTES,
    KeyType,
    check_strength,
    describe,
    generate,
    key_type_of,
    label,
    load_private_key,
    new_key,
    signature_hash,
    to_pem,
)
from tests.pki.numbers import primes_after, private_key_pem, roca_prime

PASSWORD = "pässwörd of the key"


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
        (KeyType.EC521, "ECDSA", 521, "P-521"),
        (KeyType.ED25519, "Ed25519", 256, "ED25519"),
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
    assert key_type_of(public_key) is key_type
    check_strength(public_key, more=key_type not in ACME_KEY_TYPES)


@pytest.mark.parametrize(
    ("key_type", "algorithm", "octets", "oid"),
    [
        (KeyType.MLDSA44, "ML-DSA-44", 1312, "11"),
        (KeyType.MLDSA65, "ML-DSA-65", 1952, "12"),
        (KeyType.MLDSA87, "ML-DSA-87", 2592, "13"),
    ],
)
def test_an_ml_dsa_key_is_made_as_the_seed_that_rfc_9881_has_in_pkcs8(
    key_type: KeyType, algorithm: str, octets: int, oid: str
) -> None:
    key = load_private_key(generate(key_type))
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    # RFC 9881 §6: version 0, the algorithm without parameters, [0] and 32 bytes.
    assert der[:-32].hex() == f"3034020100300b06096086480165030403{oid}04228020"
    public_key = key.public_key()
    facts = describe(public_key)
    assert (facts.algorithm, facts.size) == (algorithm, octets * 8)
    assert key_type_of(public_key) is key_type
    check_strength(public_key, more=True)
    assert "RSA and EC" in refusal(public_key)


def test_the_example_key_of_rfc_9881_has_its_public_key() -> None:
    """RFC 9881, appendix C.1."""
    key = load_private_key(
        "-----BEGIN PRIVATE KEY-----\n"
        "MDQCAQAwCwYJYIZIAWUDBAMRBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\n"
        "GhscHR4f\n-----END PRIVATE KEY-----\n"
    )
    assert isinstance(key, mldsa.MLDSA44PrivateKey)
    rho = "d7b2b47254aae0db45e7930d4a98d2c97d8f1397d1789dafa17024b316e9bec9"
    assert key.public_key().public_bytes_raw()[:32].hex() == rho


def test_a_key_made_as_an_object_is_the_same_in_pem() -> None:
    key = new_key(KeyType.ED25519)
    same = load_private_key(to_pem(key))
    assert describe(same.public_key()) == describe(key.public_key())


def test_every_key_type_has_a_label_and_public_cas_are_asked_for_five_of_them() -> None:
    assert [label(key_type) for key_type in KeyType] == [
        "RSA 2048",
        "RSA 3072",
        "RSA 4096",
        "ECDSA P-256",
        "ECDSA P-384",
        "ECDSA P-521",
        "Ed25519",
        "ML-DSA-44 (experimental)",
        "ML-DSA-65 (experimental)",
        "ML-DSA-87 (experimental)",
    ]
    assert label("rsa2048") == "RSA 2048"
    assert tuple(KeyType)[:5] == ACME_KEY_TYPES
    assert {key_type for key_type in KeyType if "experimental" in label(key_type)} == EXPERIMENTAL


def test_a_key_of_another_size_or_curve_has_no_key_type(rsa_key: str) -> None:
    foreign: list[PublicKeyTypes] = [
        public_rsa((1 << 2055) | 1),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        ec.generate_private_key(ec.BrainpoolP384R1()).public_key(),
        ed448.Ed448PrivateKey.generate().public_key(),
        x25519.X25519PrivateKey.generate().public_key(),
    ]
    assert [key_type_of(key) for key in foreign] == [None] * len(foreign)
    assert key_type_of(load_private_key(rsa_key).public_key()) is KeyType.RSA2048


def test_the_key_decides_the_hash_of_its_signatures(rsa_key: str) -> None:
    expected = {
        KeyType.EC256: "sha256",
        KeyType.EC384: "sha384",
        KeyType.EC521: "sha512",
        KeyType.ED25519: None,
        KeyType.MLDSA44: None,
    }
    for key_type, name in expected.items():
        found = signature_hash(new_key(key_type).public_key())
        assert (found and found.name) == name
    found = signature_hash(load_private_key(rsa_key).public_key())
    assert found is not None
    assert found.name == "sha256"


def test_a_key_is_known_by_the_hash_of_its_spki(ec_key: str) -> None:
    spki = subprocess.run(
        ["openssl", "pkey", "-pubout", "-outform", "DER"],
        input=ec_key.encode(),
        capture_output=True,
        check=True,
    ).stdout
    facts = describe(load_private_key(ec_key).public_key())
    assert facts.spki_sha256 == hashlib.sha256(spki).hexdigest()


def test_public_cas_are_not_asked_for_an_ed25519_key() -> None:
    assert "RSA and EC" in refusal(new_key(KeyType.ED25519).public_key())


def test_foreign_algorithms_are_described_and_refused() -> None:
    foreign: dict[str, PublicKeyTypes] = {
        "Ed448": ed448.Ed448PrivateKey.generate().public_key(),
        "X25519": x25519.X25519PrivateKey.generate().public_key(),
        "MLKEM768": mlkem.MLKEM768PrivateKey.generate().public_key(),
    }
    for algorithm, public_key in foreign.items():
        assert describe(public_key).algorithm == algorithm
        assert "RSA and EC" in refusal(public_key)
        with pytest.raises(PKIError, match="RSA, EC, Ed25519 and ML-DSA"):
            check_strength(public_key, more=True)


def test_a_private_authority_looks_for_the_same_weaknesses() -> None:
    with pytest.raises(PKIError) as refused:
        check_strength(public_rsa((1 << 1023) | 1), more=True)
    assert refused.value.code == "key.weak"
    with pytest.raises(PKIError, match="P-256"):
        check_strength(ec.generate_private_key(ec.SECP256K1()).public_key(), more=True)


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
    body = ec_key.splitlines()[1]
    inputs = [
        "",
        "x",
        "ü",
        ec_key.replace(body, body[:20]),
        ec_key + " " * MAX_KEY_BYTES,
        pkcs8(ed448.Ed448PrivateKey.generate()),
        pkcs8(x25519.X25519PrivateKey.generate()),
    ]
    for text in inputs:
        with pytest.raises(PKIError) as refused:
            load_private_key(text)
        assert refused.value.code == "key.malformed"
        assert refused.value.__cause__ is None
        assert refused.value.__context__ is None
        assert body[:20] not in "".join(traceback.format_exception(refused.value))


def encrypted(pem: str, *options: str, password: str = PASSWORD) -> str:
    """As `openssl pkcs8` does it."""
    return subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-passout", "env:PASSWORD", *options],
        env=os.environ | {"PASSWORD": password},
        input=pem,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512", "-iter", "600000"),
        ("-v1", "PBE-SHA1-3DES"),
        ("-scrypt",),
    ],
    ids=lambda options: options[0] if options else "default",
)
def test_an_encrypted_key_of_openssl_is_opened(ec_key: str, options: tuple[str, ...]) -> None:
    opened = load_private_key(encrypted(ec_key, *options), PASSWORD)
    assert to_pem(opened) == ec_key


def test_the_traditional_form_and_our_own_are_opened(rsa_key: str) -> None:
    key = load_private_key(rsa_key)
    for form in (PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8):
        pem = key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(PASSWORD.encode()))
        assert to_pem(load_private_key(pem.decode(), PASSWORD)) == rsa_key


def test_an_encrypted_key_stays_shut_without_its_password(ec_key: str, rsa_key: str) -> None:
    traditional = load_private_key(rsa_key).private_bytes(
        Encoding.PEM,
        PrivateFormat.TraditionalOpenSSL,
        BestAvailableEncryption(PASSWORD.encode()),
    )
    for pem in (encrypted(ec_key), traditional.decode()):
        for password in ("", "wrong", PASSWORD + " ", "\ud800", "x" * 2000):
            with pytest.raises(PKIError) as refused:
                load_private_key(pem, password)
            assert refused.value.code == "key.password"
            assert refused.value.__cause__ is None
            assert refused.value.__context__ is None
            assert not password or password not in refused.value.detail


def test_a_password_for_a_key_that_needs_none_does_not_matter(ec_key: str) -> None:
    assert to_pem(load_private_key(ec_key, PASSWORD)) == ec_key


def pkcs8(key: ed448.Ed448PrivateKey | x25519.X25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
