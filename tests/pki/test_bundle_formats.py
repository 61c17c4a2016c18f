"""Windows, Java, browsers and OpenSSL open the binary files that a bundle is handed out as."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from certmate.pki.bundle import Bundle, to_der, to_pkcs7, to_pkcs12
from certmate.pki.errors import PKIError
from certmate.pki.inspect import describe_certificate, split_chain
from certmate.pki.keys import KeyType, generate

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def bundles(make_bundle: Callable[[str], Bundle], rsa_key: str, ec_key: str) -> dict[str, Bundle]:
    keys = {
        "RSA": rsa_key,
        "EC": ec_key,
        "P-521": generate(KeyType.EC521),
        "Ed25519": generate(KeyType.ED25519),
    }
    return {name: make_bundle(key) for name, key in keys.items()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bundle"


def run(*command: str | Path) -> str:
    ran = subprocess.run(command, capture_output=True, encoding="latin-1", check=True)
    return ran.stdout + ran.stderr


def test_openssl_reads_the_certificate_in_der(bundle: Bundle, file: Path) -> None:
    file.write_bytes(to_der(bundle))
    assert run("openssl", "x509", "-inform", "DER", "-in", file) == bundle.cert


def test_openssl_certtool_and_keytool_find_all_certificates_in_the_pkcs7(
    bundle: Bundle, file: Path
) -> None:
    file.write_bytes(to_pkcs7(bundle))
    printed = run("openssl", "pkcs7", "-inform", "DER", "-in", file, "-print_certs")
    for certificate in split_chain(bundle.fullchain):
        assert certificate in printed
    assert run("certtool", "--p7-info", "--inder", "--infile", file).count("BEGIN CERT") == 3
    assert run("keytool", "-printcert", "-file", file).count("Serial number:") == 3


def test_what_is_no_bundle_has_no_other_form(bundle: Bundle) -> None:
    for broken in (replace(bundle, cert=""), replace(bundle, chain=bundle.privkey or "")):
        for convert in (to_der, to_pkcs7):
            with pytest.raises(PKIError) as refused:
                convert(broken)
            assert refused.value.code == "bundle.malformed"


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
@pytest.mark.parametrize("kind", ["RSA", "EC", "P-521", "Ed25519"])
def test_openssl_opens_the_pkcs12_of_each_key_type(
    bundles: dict[str, Bundle], file: Path, kind: str, legacy: bool
) -> None:
    bundle = bundles[kind]
    file.write_bytes(to_pkcs12(bundle, password=PASSWORD, name="web", legacy=legacy))
    shown = run("openssl", "pkcs12", "-in", file, "-passin", f"pass:{PASSWORD}", "-nodes", "-info")
    assert bundle.privkey
    assert bundle.privkey in shown
    assert shown.count("BEGIN CERTIFICATE") == 3
    assert "friendlyName: web" in shown
    # The key and its certificate have the same one, by which Windows brings them together.
    assert shown.count("localKeyID") == 2
    if legacy:
        assert "MAC: sha1" in shown
        assert shown.count("pbeWithSHA1And3-KeyTripleDES-CBC") == 2
        assert "PBES2" not in shown
    else:
        assert "MAC: sha256" in shown
        assert shown.count("PBES2, PBKDF2, AES-256-CBC") == 2
        assert "SHA1" not in shown


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
@pytest.mark.parametrize("kind", ["RSA", "EC", "P-521"])
def test_nss_imports_the_pkcs12(
    bundles: dict[str, Bundle], file: Path, tmp_path: Path, kind: str, legacy: bool
) -> None:
    """Firefox and Thunderbird do it with this library."""
    file.write_bytes(to_pkcs12(bundles[kind], password=PASSWORD, name="web", legacy=legacy))
    database = f"sql:{tmp_path}"
    run("certutil", "-N", "-d", database, "--empty-password")
    run("pk12util", "-i", file, "-d", database, "-W", PASSWORD, "-K", "")
    assert "web" in run("certutil", "-K", "-d", database)
    assert run("certutil", "-L", "-d", database).count(",") >= 6
    with pytest.raises(subprocess.CalledProcessError):
        run("pk12util", "-l", file, "-d", database, "-W", "wrong", "-K", "")


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
def test_java_opens_the_pkcs12(bundles: dict[str, Bundle], file: Path, legacy: bool) -> None:
    bundle = bundles["EC"]
    file.write_bytes(to_pkcs12(bundle, password=PASSWORD, name="web", legacy=legacy))
    store = ("-storetype", "PKCS12", "-storepass", PASSWORD)
    shown = run("keytool", "-list", "-v", "-keystore", file, *store)
    assert "Alias name: web" in shown
    assert "Entry type: PrivateKeyEntry" in shown
    assert "Certificate chain length: 3" in shown
    colons = bytes.fromhex(describe_certificate(bundle.cert).fingerprint).hex(":").upper()
    assert colons in shown


@pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])
def test_gnutls_opens_the_pkcs12(bundles: dict[str, Bundle], file: Path, legacy: bool) -> None:
    file.write_bytes(to_pkcs12(bundles["RSA"], password=PASSWORD, name="web", legacy=legacy))
    shown = run("certtool", "--p12-info", "--inder", "--infile", file, "--password", PASSWORD)
    assert shown.count("BEGIN CERTIFICATE") == 3
    assert ("3DES" in shown) is legacy


def test_the_keystore_stays_shut_for_a_wrong_password(bundle: Bundle, file: Path) -> None:
    for legacy in (False, True):
        file.write_bytes(to_pkcs12(bundle, password=PASSWORD, name="web", legacy=legacy))
        with pytest.raises(subprocess.CalledProcessError):
            run("openssl", "pkcs12", "-in", file, "-passin", "pass:wrong", "-nodes")


@pytest.mark.parametrize("key_type", [KeyType.MLDSA44, KeyType.MLDSA65, KeyType.MLDSA87])
def test_an_ml_dsa_key_goes_into_no_pkcs12(
    make_bundle: Callable[[str], Bundle], key_type: KeyType
) -> None:
    bundle = make_bundle(generate(key_type))
    for legacy in (False, True):
        with pytest.raises(PKIError) as refused:
            to_pkcs12(bundle, password=PASSWORD, name="web", legacy=legacy)
        assert refused.value.code == "bundle.key_type"
    assert to_pkcs12(replace(bundle, privkey=None), password=PASSWORD, name="web")
    assert to_der(bundle)
    assert to_pkcs7(bundle)
