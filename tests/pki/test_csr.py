"""Requests that we build, and the good ones and bad names that people bring."""

import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from certmate.pki import csr
from certmate.pki.keys import KeyType, PrivateKey, describe, generate, load_private_key
from tests.pki.requests import (
    EC_OPTIONS,
    EXTENSION_REQUEST,
    NAMES,
    SAN,
    extensions,
    handmade,
    openssl_request,
    refusal,
    request,
    tlv,
    to_pem,
)


@pytest.mark.parametrize("key_type", [KeyType.EC256, KeyType.EC384, KeyType.RSA2048])
def test_openssl_and_certtool_verify_what_we_build(key_type: KeyType, rsa_key: str) -> None:
    pem = csr.build(rsa_key if key_type is KeyType.RSA2048 else generate(key_type), NAMES)
    for command in (
        ["openssl", "req", "-verify", "-noout", "-text"],
        ["certtool", "--crq-info"],
    ):
        checked = subprocess.run(command, input=pem, capture_output=True, text=True, check=True)
        output = checked.stdout + checked.stderr
        assert "verify OK" in output or "Self signature: verified" in output
        for name in ("www.example.com", "*.example.com", "192.0.2.7"):
            assert name in output
        assert "CN=" not in output.replace(" ", "")


def test_what_we_build_is_what_we_parse(good: str, good_der: bytes, ec_key: str) -> None:
    parsed = csr.parse(good)
    assert parsed.pem == good
    assert parsed.names == NAMES
    assert parsed.key == describe(load_private_key(ec_key).public_key())
    assert csr.parse(good_der) == csr.parse(good.encode()) == parsed


def test_the_key_decides_the_hash_of_the_signature() -> None:
    made = x509.load_pem_x509_csr(csr.build(generate(KeyType.EC384), NAMES).encode())
    assert isinstance(made.signature_hash_algorithm, hashes.SHA384)


def test_old_labels_line_ends_and_comments_are_taken_and_normalised(good: str) -> None:
    old = good.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
    assert csr.parse(old).pem == good
    assert (
        csr.parse("\ufeffSolicitud de certificación:\r\n" + good.replace("\n", "\r\n")).pem == good
    )


def test_a_request_of_openssl_with_a_challenge_password_is_taken(tmp_path: Path) -> None:
    pem = openssl_request(
        tmp_path,
        "attributes=attrs\nreq_extensions=ext\n[dn]\nC=ES\nCN=www.example.com\n"
        "[attrs]\nchallengePassword=secret\n1.3.6.1.4.1.311.13.2.3=10.0.1\n"
        "[ext]\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n"
        "subjectAltName=DNS:example.com,DNS:www.example.com\n",
        *EC_OPTIONS,
    )
    assert [name.value for name in csr.parse(pem).names] == ["www.example.com", "example.com"]


def test_a_request_of_certtool_is_taken(tmp_path: Path, ec_key: str) -> None:
    key, template = tmp_path / "key.pem", tmp_path / "template"
    key.write_text(ec_key)
    template.write_text('cn = "www.example.com"\ndns_name = "www.example.com"\n')
    made = subprocess.run(
        ["certtool", "--generate-request", "--load-privkey", key, "--template", template],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [name.value for name in csr.parse(made.stdout).names] == ["www.example.com"]


def test_a_common_name_alone_is_the_name(ec_key: str) -> None:
    parsed = csr.parse(to_pem(request(ec_key, common_names=("WWW.example.com",))))
    assert [name.value for name in parsed.names] == ["www.example.com"]


def test_a_common_name_must_be_among_the_sans(ec_key: str) -> None:
    sans = [x509.DNSName("a.example.com"), x509.IPAddress(ip_address("192.0.2.7"))]
    listed = csr.parse(to_pem(request(ec_key, *sans, common_names=("192.0.2.7",))))
    assert [name.value for name in listed.names] == ["192.0.2.7", "a.example.com"]
    unlisted = request(ec_key, *sans, common_names=("b.example.com",))
    assert refusal(to_pem(unlisted)) == "csr.names"
    respelled = request(
        ec_key, x509.DNSName("xn--bcher-kva.example"), common_names=("bücher.example",)
    )
    assert refusal(to_pem(respelled)) == "csr.names"


def test_duplicate_sans_are_dropped(ec_key: str) -> None:
    twice = request(ec_key, *map(x509.DNSName, ["a.example.com", "A.example.com"]))
    assert len(csr.parse(to_pem(twice)).names) == 1


@pytest.mark.parametrize(
    "san",
    [
        x509.RFC822Name("root@example.com"),
        x509.UniformResourceIdentifier("https://example.com/"),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.DirectoryName(x509.Name([])),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
        x509.DNSName("192.0.2.7"),
        x509.DNSName("*.com"),
        x509.DNSName("a.*.example.com"),
        x509.DNSName("com"),
        x509.DNSName("localhost"),
        x509.DNSName("example.com."),
        x509.DNSName("a_b.example.com"),
        x509.DNSName("a\x00.example.com"),
        x509.DNSName(""),
        x509.DNSName("xn--a.example.com"),
        x509.IPAddress(ip_address("0.0.0.0")),
        x509.IPAddress(ip_address("::ffff:192.0.2.7")),
        x509.IPAddress(ip_network("192.0.2.0/24")),
    ],
    ids=str,
)
def test_a_san_that_no_server_certificate_carries_is_refused(
    ec_key: str, san: x509.GeneralName
) -> None:
    made = request(ec_key, x509.DNSName("www.example.com"), san)
    assert refusal(to_pem(made)) in {"csr.names", "csr.malformed"}


@pytest.mark.parametrize(
    "common_names",
    [(), ("a.example.com", "b.example.com"), ("Jane Doe",), ("192.0.2.7",), ("bücher.example",)],
)
def test_without_sans_the_common_name_must_be_one_dns_name(
    ec_key: str, common_names: tuple[str, ...]
) -> None:
    assert refusal(to_pem(request(ec_key, common_names=common_names))) == "csr.names"


def test_more_than_a_hundred_names_are_refused(ec_key: str) -> None:
    sans = [x509.DNSName(f"h{n}.example.com") for n in range(101)]
    assert len(csr.parse(to_pem(request(ec_key, *sans[:100]))).names) == 100
    assert refusal(to_pem(request(ec_key, *sans))) == "csr.names"


def test_a_pss_signature_proves_possession_too(rsa_key: str) -> None:
    key: PrivateKey = load_private_key(rsa_key)
    assert isinstance(key, rsa.RSAPrivateKey)
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(SAN([x509.DNSName("www.example.com")]), critical=False)
        .sign(
            key,
            hashes.SHA256(),
            rsa_padding=padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
        )
    )
    assert csr.parse(to_pem(made)).key.algorithm == "RSA"


def test_attributes_of_the_windows_tools_do_not_disturb(ec_key: str) -> None:
    seen = tlv(0x30, EXTENSION_REQUEST, tlv(0x31, extensions("www.example.com")))
    client_info = tlv(
        0x30,
        b"\x06\x09\x2b\x06\x01\x04\x01\x82\x37\x15\x14",
        tlv(0x31, tlv(0x30, b"\x02\x01\x09", tlv(0x0C, b"host.test"))),
    )
    assert len(csr.parse(handmade(ec_key, client_info, seen)).names) == 1
