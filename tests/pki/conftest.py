"""Keys and a small CA, made once, because RSA keys are slow to make."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import settings

from certmate.pki import csr
from certmate.pki.bundle import Bundle
from certmate.pki.keys import KeyType, PrivateKey, generate, load_private_key, signature_hash
from tests.pki.requests import NAMES

# No example database: tests leave nothing behind in the folder that they run in.
settings.register_profile("pki", database=None, deadline=None, max_examples=150)
settings.load_profile("pki")

NOT_BEFORE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Issued:
    """A certificate of the small CA with its key."""

    certificate: x509.Certificate
    key_pem: str

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def distinguished_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def sign_certificate(
    key_pem: str, subject: str, issuer: Issued | None, *, ca: bool = False, serial: int = 0x0A1B2C
) -> Issued:
    key: PrivateKey = load_private_key(key_pem)
    signer = load_private_key(issuer.key_pem) if issuer else key
    certificate = (
        x509.CertificateBuilder()
        .subject_name(distinguished_name(subject))
        .issuer_name(issuer.certificate.subject if issuer else distinguished_name(subject))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_BEFORE + timedelta(days=90))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.DNSName("WWW.example.com"),
                    x509.DNSName("*.example.com"),
                    x509.IPAddress(ip_address("2001:db8::1")),
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(signer, signature_hash(signer.public_key()))
    )
    return Issued(certificate, key_pem)


@pytest.fixture(scope="session")
def rsa_key() -> str:
    return generate(KeyType.RSA2048)


@pytest.fixture(scope="session")
def ec_key() -> str:
    return generate(KeyType.EC256)


@pytest.fixture(scope="session")
def root() -> Issued:
    return sign_certificate(generate(KeyType.EC384), "Root", None, ca=True)


@pytest.fixture(scope="session")
def intermediate(root: Issued) -> Issued:
    key_pem = generate(KeyType.EC256)
    # NSS refuses two certificates of one issuer and serial number, and so does RFC 5280 §4.1.2.2.
    return sign_certificate(key_pem, "Intermediate", root, ca=True, serial=0x0A1B2D)


@pytest.fixture(scope="session")
def make_bundle(root: Issued, intermediate: Issued) -> Callable[[str], Bundle]:
    def make(key_pem: str) -> Bundle:
        leaf = sign_certificate(key_pem, "www.example.com", intermediate)
        return Bundle(leaf.pem, intermediate.pem + root.pem, key_pem, {"domain": "www.example.com"})

    return make


@pytest.fixture(scope="session")
def bundle(make_bundle: Callable[[str], Bundle], ec_key: str) -> Bundle:
    return make_bundle(ec_key)


@pytest.fixture(scope="session")
def good(ec_key: str) -> str:
    return csr.build(ec_key, NAMES)


@pytest.fixture(scope="session")
def good_der(good: str) -> bytes:
    return x509.load_pem_x509_csr(good.encode()).public_bytes(Encoding.DER)
