"""Requests of any key type that people bring to a private authority, and ours."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certmate.pki import csr
from certmate.pki.alt_names import AltNames
from certmate.pki.errors import PKIError
from certmate.pki.keys import KeyType, describe, generate, load_private_key
from certmate.pki.requests import ClientRequest, build_request, parse_request
from tests.pki.requests import EC_OPTIONS, openssl_request, request, to_pem

SUBJECT = {"C": "DE", "O": "Example", "CN": "Zoë"}
ALT_NAMES = AltNames(
    dns=("printer",), ip=("10.0.0.1",), email=("zoe@example.org",), uri=("urn:uuid:1",)
)
CHEAP = [key_type for key_type in KeyType if not key_type.startswith("rsa")]


def refusal(pem_or_der: str | bytes) -> PKIError:
    with pytest.raises(PKIError) as refused:
        parse_request(pem_or_der)
    return refused.value


@pytest.mark.parametrize("key_type", CHEAP)
def test_a_request_of_each_key_type_is_read_as_it_was_built(key_type: KeyType) -> None:
    key_pem = generate(key_type)
    pem = build_request(key_pem, SUBJECT, ALT_NAMES)
    public_key = load_private_key(key_pem).public_key()
    assert parse_request(pem) == ClientRequest(
        pem=pem,
        subject=SUBJECT,
        alt_names=ALT_NAMES,
        key=describe(public_key),
        spki=public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
    der = x509.load_pem_x509_csr(pem.encode()).public_bytes(Encoding.DER)
    assert parse_request(der) == parse_request(pem)


@pytest.mark.parametrize(
    "key_type", [KeyType.EC256, KeyType.EC384, KeyType.EC521, KeyType.ED25519, KeyType.RSA2048]
)
def test_openssl_and_certtool_verify_what_we_build(key_type: KeyType, rsa_key: str) -> None:
    key_pem = rsa_key if key_type is KeyType.RSA2048 else generate(key_type)
    pem = build_request(key_pem, SUBJECT, ALT_NAMES)
    for command, verified in (
        (["openssl", "req", "-verify", "-noout", "-text"], "verify OK"),
        (["certtool", "--crq-info"], "Self signature: verified"),
    ):
        checked = subprocess.run(command, input=pem, capture_output=True, text=True, check=True)
        assert verified in checked.stdout + checked.stderr
    assert parse_request(pem).subject == SUBJECT


@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_rsa_proves_possession_with_each_current_hash(
    rsa_key: str, algorithm: hashes.HashAlgorithm
) -> None:
    made = request(rsa_key, x509.DNSName("printer"), algorithm=algorithm)
    assert parse_request(to_pem(made)).key.algorithm == "RSA"


def test_rsa_pss_proves_possession_too(rsa_key: str) -> None:
    key = load_private_key(rsa_key)
    assert isinstance(key, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    made = builder.sign(key, hashes.SHA256(), rsa_padding=pss)
    assert parse_request(to_pem(made)).alt_names.is_empty


@pytest.mark.parametrize("newkey", ["ed25519", "rsa:2048", "ec"])
def test_a_request_of_openssl_is_read(tmp_path: Path, newkey: str) -> None:
    options = EC_OPTIONS if newkey == "ec" else ("-newkey", newkey)
    pem = openssl_request(
        tmp_path,
        "req_extensions=ext\nutf8=yes\nstring_mask=utf8only\n"
        "[dn]\nC=DE\nO=Example\nserialNumber=4711\nGN=Zoë\nSN=Müller\nUID=zoe\nCN=Zoë Müller\n"
        "[ext]\nsubjectAltName=email:zoe@Example.ORG,URI:spiffe://prod/a,IP:10.0.0.1,DNS:Printer\n",
        *options,
    )
    parsed = parse_request(pem)
    assert parsed.subject == {
        "C": "DE",
        "O": "Example",
        "SERIALNUMBER": "4711",
        "GN": "Zoë",
        "SN": "Müller",
        "UID": "zoe",
        "CN": "Zoë Müller",
    }
    assert parsed.alt_names == AltNames(
        ("printer",), ("10.0.0.1",), ("zoe@example.org",), ("spiffe://prod/a",)
    )


def test_a_request_of_certtool_is_read(tmp_path: Path) -> None:
    key, template = tmp_path / "key.pem", tmp_path / "template"
    key.write_text(generate(KeyType.ED25519))
    template.write_text('cn = "jane"\norganization = "Example"\nemail = "jane@example.org"\n')
    made = subprocess.run(
        ["certtool", "--generate-request", "--load-privkey", key, "--template", template],
        capture_output=True,
        text=True,
        check=True,
    )
    parsed = parse_request(made.stdout)
    assert parsed.subject == {"O": "Example", "CN": "jane"}
    assert parsed.alt_names == AltNames(email=("jane@example.org",))


def test_a_request_of_keytool_is_read(tmp_path: Path) -> None:
    store = ("-keystore", tmp_path / "store.p12", "-storepass", "secret", "-alias", "a")
    subprocess.run(
        ["keytool", "-genkeypair", "-keyalg", "EC", "-dname", "CN=jane,O=Example,C=DE", *store],
        capture_output=True,
        check=True,
    )
    made = subprocess.run(
        ["keytool", "-certreq", "-ext", "san=dns:printer", *store],
        capture_output=True,
        text=True,
        check=True,
    )
    parsed = parse_request(made.stdout)
    assert parsed.subject == {"C": "DE", "O": "Example", "CN": "jane"}
    assert parsed.alt_names == AltNames(dns=("printer",))


@pytest.mark.parametrize(("mask", "value"), [("0x0800", "Zoë"), ("0x0002", "Zoe")])
def test_older_string_types_are_the_same_text(tmp_path: Path, mask: str, value: str) -> None:
    """BMPString, as Windows wrote it, and PrintableString."""
    config = f"utf8=yes\nstring_mask=MASK:{mask}\n[dn]\nO={value}\n"
    assert parse_request(openssl_request(tmp_path, config, *EC_OPTIONS)).subject == {"O": value}


def test_what_else_is_requested_is_ignored(tmp_path: Path) -> None:
    pem = openssl_request(
        tmp_path,
        "attributes=attrs\nreq_extensions=ext\n[dn]\nCN=jane\n"
        "[attrs]\nchallengePassword=secret\nunstructuredName=x\n"
        "[ext]\nbasicConstraints=critical,CA:TRUE,pathlen:3\nkeyUsage=critical,keyCertSign\n"
        "extendedKeyUsage=anyExtendedKeyUsage\nnameConstraints=permitted;DNS:example.org\n"
        "certificatePolicies=1.2.3\n1.2.3.4=critical,DER:0500\n",
        *EC_OPTIONS,
    )
    parsed = parse_request(pem)
    assert (parsed.subject, parsed.alt_names) == ({"CN": "jane"}, AltNames())


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ("emailAddress=jane@example.org", "subject.unknown"),
        ("DC=example", "subject.unknown"),
        ("1.2.3.4=x", "subject.unknown"),
        ("0.CN=a\n1.CN=b", "subject.invalid"),
        ("CN=a\n+UID=b", "subject.invalid"),
        ("O=a\u200bb", "subject.invalid"),
    ],
)
def test_a_subject_that_no_authority_signs_is_refused_as_the_csr(
    tmp_path: Path, subject: str, code: str
) -> None:
    pem = openssl_request(tmp_path, f"utf8=yes\n[dn]\n{subject}\n", *EC_OPTIONS)
    refused = refusal(pem)
    assert (refused.code, refused.field) == (code, "")
    assert refused.detail.startswith("In the CSR: ")


@pytest.mark.parametrize(
    ("san", "code"),
    [
        (x509.DirectoryName(x509.Name([])), "san.type"),
        (x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), "san.type"),
        (x509.DNSName("a_b"), "name.invalid"),
        (x509.DNSName("*.*.a"), "name.wildcard"),
        (x509.RFC822Name("jane@10.0.0.1"), "san.invalid"),
        (x509.UniformResourceIdentifier("https://u:p@a/"), "san.invalid"),
    ],
    ids=str,
)
def test_a_name_that_no_authority_certifies_is_refused_as_the_csr(
    ec_key: str, san: x509.GeneralName, code: str
) -> None:
    refused = refusal(to_pem(request(ec_key, x509.DNSName("printer"), san)))
    assert (refused.code, refused.field) == (code, "")
    assert refused.detail.startswith("In the CSR: ")


@pytest.mark.parametrize("key_type", [KeyType.ED25519, KeyType.MLDSA44, KeyType.MLDSA87])
def test_public_cas_still_get_no_such_key(key_type: KeyType) -> None:
    pem = build_request(generate(key_type), {}, AltNames(dns=("www.example.com",)))
    with pytest.raises(PKIError) as refused:
        csr.parse(pem)
    assert refused.value.code == "key.weak"


def test_what_cannot_be_asked_for_is_not_built(ec_key: str) -> None:
    with pytest.raises(PKIError) as refused:
        build_request(ec_key, {"CN": ""}, AltNames())
    assert refused.value.field == "subject.CN"
    with pytest.raises(PKIError) as refused:
        build_request("no key", {"CN": "jane"}, AltNames())
    assert refused.value.code == "key.malformed"
