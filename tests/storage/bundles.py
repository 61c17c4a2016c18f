"""Bundles signed by a small CA, for tests that put them somewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certmate.pki.bundle import Bundle
from certmate.pki.keys import KeyType, PrivateKey, generate, load_private_key


@dataclass(frozen=True)
class Authority:
    pem: str
    key: PrivateKey
    name: x509.Name


@cache
def authority() -> Authority:
    key = load_private_key(generate(KeyType.EC256))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Storage Test CA")])
    certificate = _builder(name, name, key, ca=True).sign(key, hashes.SHA256())
    return Authority(certificate.public_bytes(Encoding.PEM).decode(), key, name)


def issue(
    name: str = "www.example.com", key_type: KeyType = KeyType.EC256, also: Sequence[str] = ()
) -> Bundle:
    """A new certificate with its key, each call another one."""
    key_pem = generate(key_type)
    key = load_private_key(key_pem)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, authority().name, key, ca=False)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.DNSName(each) for each in (name, *also)]),
        critical=False,
    )
    pem = builder.sign(authority().key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    return Bundle(pem, authority().pem, key_pem, {"domain": name, "note": "Zürich"})


@cache
def large() -> Bundle:
    """64 long names, an RSA-4096 key, and a chain of three."""
    names = [f"{'host-' * 8}{number}.department.example.com" for number in range(64)]
    bundle = issue(names[0], KeyType.RSA4096, also=names[1:])
    told = {"san_domains": names, "note": "Zürich ≠ 東京 \U0001f512", "quotes": '"\\' * 200}
    return replace(bundle, chain=bundle.chain * 3, metadata=told)


def without_key(bundle: Bundle) -> Bundle:
    """The same version as it is kept when the CSR was somebody else's."""
    return replace(bundle, privkey=None)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, *, ca: bool
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
