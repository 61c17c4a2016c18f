"""Requests as other tools make them, and as none would."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from certmate.pki import csr
from certmate.pki.errors import PKIError
from certmate.pki.keys import load_private_key
from certmate.pki.names import parse_names

NAMES = parse_names("www.example.com", ["*.example.com", "192.0.2.7", "2001:db8::1"])
SAN = x509.SubjectAlternativeName
EC_OPTIONS = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
EXTENSION_REQUEST = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"
MICROSOFT_EXTENSION_REQUEST = b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0e"


def request(
    key_pem: str,
    *sans: x509.GeneralName,
    common_names: tuple[str, ...] = (),
    algorithm: hashes.HashAlgorithm | None = None,
) -> x509.CertificateSigningRequest:
    key = load_pem_private_key(key_pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, text) for text in common_names]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if sans:
        builder = builder.add_extension(SAN(sans), critical=False)
    return builder.sign(key, algorithm or hashes.SHA256())  # type: ignore[arg-type]


def to_pem(made: x509.CertificateSigningRequest) -> str:
    return made.public_bytes(Encoding.PEM).decode()


def outcome(der: bytes) -> csr.CSR | PKIError:
    try:
        return csr.parse(der)
    except PKIError as error:
        return error


def refusal(pem_or_der: str | bytes) -> str:
    with pytest.raises(PKIError) as refused:
        csr.parse(pem_or_der)
    return refused.value.code


def openssl_request(tmp_path: Path, config: str, *options: str) -> str:
    """A request as the command-line tool makes it, with whatever its configuration says."""
    file = tmp_path / "req.cnf"
    file.write_text(f"[req]\nprompt=no\ndistinguished_name=dn\n{config}")
    made = subprocess.run(
        ["openssl", "req", "-new", "-nodes", "-keyout", "/dev/null", "-config", file, *options],
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout


def tlv(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    length = octets if size < 128 else bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + length + content


def extensions(*names: str) -> bytes:
    """The Extensions of a request with one SAN extension for each name."""
    oid = b"\x06\x03\x55\x1d\x11"
    values = [SAN([x509.DNSName(name)]).public_bytes() for name in names]
    return tlv(0x30, *(tlv(0x30, oid, tlv(0x04, value)) for value in values))


def handmade(key_pem: str, *attributes: bytes, subject: bytes = tlv(0x30)) -> bytes:
    """A properly signed request with attributes or a subject that no builder would write."""
    key = load_private_key(key_pem)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    body = tlv(0x30, b"\x02\x01\x00", subject, spki, tlv(0xA0, *attributes))
    ecdsa_with_sha256 = tlv(0x30, b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")
    signature = key.sign(body, ec.ECDSA(hashes.SHA256()))
    return tlv(0x30, body, ecdsa_with_sha256, tlv(0x03, b"\x00", signature))
