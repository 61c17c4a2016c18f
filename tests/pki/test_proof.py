"""The holder of a certificate's key proves it by a signature, and nobody else does."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from certmate.pki.errors import PKIError
from certmate.pki.keys import KeyType, MLDSAPrivateKey, generate, load_private_key
from certmate.pki.requests import verify_proof
from tests.pki.conftest import Issued, sign_certificate

MESSAGE = b"renew 1234 at 2026-11-24T16:00:00Z"
DIGESTS = {
    KeyType.RSA2048: "-sha256",
    KeyType.EC256: "-sha256",
    KeyType.EC384: "-sha384",
    KeyType.EC521: "-sha512",
}


def holder(key_type: KeyType, rsa_key: str) -> Issued:
    key_pem = rsa_key if key_type is KeyType.RSA2048 else generate(key_type)
    return sign_certificate(key_pem, "jane", None)


def openssl_signature(tmp_path: Path, key_pem: str, *options: str) -> bytes:
    key, message = tmp_path / "key.pem", tmp_path / "message"
    key.write_text(key_pem)
    message.write_bytes(MESSAGE)
    command: list[str | Path] = (
        ["openssl", "dgst", *options, "-sign", key, message]
        if options
        else ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message]
    )
    return subprocess.run(command, capture_output=True, check=True).stdout


def refusal(certificate_pem: str, message: bytes, signature: bytes) -> str:
    with pytest.raises(PKIError) as refused:
        verify_proof(certificate_pem, message, signature)
    return refused.value.code


@pytest.mark.parametrize("key_type", [*DIGESTS, KeyType.ED25519])
def test_a_signature_of_openssl_is_a_proof(key_type: KeyType, rsa_key: str, tmp_path: Path) -> None:
    issued = holder(key_type, rsa_key)
    options = [DIGESTS[key_type]] if key_type in DIGESTS else []
    signature = openssl_signature(tmp_path, issued.key_pem, *options)
    verify_proof(issued.pem, MESSAGE, signature)
    other = sign_certificate(generate(KeyType.EC256), "jane", None)
    changed = signature[:-1] + bytes([signature[-1] ^ 1])
    assert refusal(issued.pem, MESSAGE + b" ", signature) == "renew.proof"
    assert refusal(issued.pem, b"", signature) == "renew.proof"
    assert refusal(other.pem, MESSAGE, signature) == "renew.proof"
    for wrong in (changed, b"", b"\x00" * len(signature), signature + b"\x00", b"x" * 100_000):
        assert refusal(issued.pem, MESSAGE, wrong) == "renew.proof"


@pytest.mark.parametrize("key_type", [KeyType.MLDSA44, KeyType.MLDSA65, KeyType.MLDSA87])
def test_an_ml_dsa_signature_is_a_proof(key_type: KeyType, rsa_key: str) -> None:
    issued = holder(key_type, rsa_key)
    key = load_private_key(issued.key_pem)
    assert isinstance(key, MLDSAPrivateKey)
    verify_proof(issued.pem, MESSAGE, key.sign(MESSAGE))
    assert refusal(issued.pem, MESSAGE, key.sign(MESSAGE, b"another context")) == "renew.proof"
    assert refusal(issued.pem, MESSAGE, key.sign(MESSAGE)[:-1]) == "renew.proof"
    assert refusal(issued.pem, b"other", key.sign(MESSAGE)) == "renew.proof"


def test_one_algorithm_for_each_key_is_taken(rsa_key: str, tmp_path: Path) -> None:
    issued = holder(KeyType.RSA2048, rsa_key)
    key = load_private_key(rsa_key)
    assert isinstance(key, rsa.RSAPrivateKey)
    pss = key.sign(MESSAGE, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    assert refusal(issued.pem, MESSAGE, pss) == "renew.proof"
    for key_type, digest in ((KeyType.RSA2048, "-sha1"), (KeyType.EC384, "-sha256")):
        weaker = holder(key_type, rsa_key)
        signature = openssl_signature(tmp_path, weaker.key_pem, digest)
        assert refusal(weaker.pem, MESSAGE, signature) == "renew.proof"


def test_a_certificate_of_an_unknown_kind_of_key_proves_nothing() -> None:
    command = ["openssl", "req", "-x509", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x"]
    for options in (("ed448",), ("ec", "-pkeyopt", "ec_paramgen_curve:secp112r1")):
        made = subprocess.run(
            [*command, "-newkey", *options],
            capture_output=True,
            text=True,
            check=True,
        )
        assert refusal(made.stdout, MESSAGE, b"x" * 114) == "renew.proof"


def test_what_is_no_certificate_is_malformed(ec_key: str) -> None:
    for text in ("", ec_key):
        assert refusal(text, MESSAGE, b"") == "certificate.malformed"
