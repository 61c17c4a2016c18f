"""A bundle's parts fit, and other people's tools open the files that it is handed out as."""

import io
import stat
import subprocess
import traceback
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from certmate.pki.bundle import Bundle, check, to_pkcs12, to_zip
from certmate.pki.errors import PKIError
from certmate.pki.inspect import describe_certificate, split_chain
from certmate.pki.keys import KeyType, generate
from tests.pki.conftest import NOT_BEFORE, Issued, sign_certificate

PASSWORD = "pässwörd ✓ with space"


def refusal(bundle: Bundle) -> str:
    with pytest.raises(PKIError) as refused:
        check(bundle)
    return refused.value.code


def run(*command: str | Path, password: str = PASSWORD) -> str:
    return subprocess.run(
        command,
        env={"PASSWORD": password},
        capture_output=True,
        encoding="latin-1",
        check=True,
    ).stdout


def test_a_bundle_whose_parts_fit_is_accepted(
    make_bundle: Callable[[str], Bundle], rsa_key: str, ec_key: str
) -> None:
    others = [generate(key_type) for key_type in (KeyType.EC521, KeyType.ED25519, KeyType.MLDSA65)]
    for key in (rsa_key, ec_key, *others):
        bundle = make_bundle(key)
        check(bundle)
        check(replace(bundle, chain=""))
        check(replace(bundle, privkey=None))
        check(replace(bundle, chain=split_chain(bundle.chain)[0]))


def test_another_key_does_not_fit(bundle: Bundle, rsa_key: str) -> None:
    for other in (rsa_key, *map(generate, (KeyType.EC256, KeyType.ED25519, KeyType.MLDSA44))):
        assert refusal(replace(bundle, privkey=other)) == "bundle.key_mismatch"


def test_no_key_of_ours_fits_a_certificate_on_an_unknown_curve(bundle: Bundle) -> None:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp112r1", "-nodes")
    made = run("openssl", "req", "-x509", "-keyout", "/dev/null", "-subj", "/CN=x", *curve)
    assert refusal(replace(bundle, cert=made, chain="")) == "bundle.key_mismatch"


def test_a_chain_must_be_in_order_and_signed(
    bundle: Bundle, intermediate: Issued, root: Issued
) -> None:
    impostor = sign_certificate(generate(KeyType.EC256), "Intermediate", root)
    for chain in (
        root.pem,
        root.pem + intermediate.pem,
        impostor.pem + root.pem,
        intermediate.pem + intermediate.pem,
        bundle.cert + intermediate.pem,
    ):
        assert refusal(replace(bundle, chain=chain)) == "bundle.chain"


def test_what_is_no_bundle_is_malformed(bundle: Bundle, intermediate: Issued) -> None:
    for broken in (
        replace(bundle, cert=""),
        replace(bundle, cert=bundle.fullchain),
        replace(bundle, cert=bundle.privkey or ""),
        replace(bundle, chain="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        replace(bundle, chain=intermediate.key_pem),
        replace(bundle, privkey=""),
        replace(bundle, privkey=bundle.cert),
    ):
        assert refusal(broken) == "bundle.malformed"


def test_a_chain_of_other_key_types_is_followed() -> None:
    for key_type in (KeyType.ED25519, KeyType.MLDSA44, KeyType.EC521):
        root = sign_certificate(generate(key_type), "Root", None, ca=True)
        leaf = sign_certificate(generate(key_type), "www.example.com", root)
        check(Bundle(leaf.pem, root.pem, leaf.key_pem))
        impostor = sign_certificate(generate(key_type), "Root", None, ca=True)
        assert refusal(Bundle(leaf.pem, impostor.pem, leaf.key_pem)) == "bundle.chain"


def test_a_key_is_neither_in_the_repr_nor_in_a_refusal(bundle: Bundle) -> None:
    assert bundle.privkey is not None
    secret = bundle.privkey.splitlines()[1]
    assert secret not in repr(bundle)
    for broken in (
        replace(bundle, cert=bundle.privkey),
        replace(bundle, chain=bundle.privkey),
        replace(bundle, privkey=bundle.privkey[:-40]),
    ):
        with pytest.raises(PKIError) as refused:
            check(broken)
        assert secret not in "".join(traceback.format_exception(refused.value))


def test_joined_files_have_their_parts_in_order(bundle: Bundle) -> None:
    ragged = replace(bundle, cert=bundle.cert.strip(), chain="\n" + bundle.chain.strip())
    assert ragged.fullchain == bundle.cert + bundle.chain
    assert ragged.combined == bundle.cert + bundle.chain + (bundle.privkey or "")
    assert replace(bundle, chain="", privkey=None).combined == bundle.cert
    assert bundle.fingerprint == describe_certificate(bundle.cert).fingerprint


def test_the_full_chain_verifies_against_the_root(
    bundle: Bundle, root: Issued, tmp_path: Path
) -> None:
    for name, text in (("root", root.pem), ("full", bundle.fullchain), ("cert", bundle.cert)):
        (tmp_path / name).write_text(text)
    now = f"{NOT_BEFORE.timestamp() + 60:.0f}"
    trusted = ("-CAfile", tmp_path / "root", "-untrusted", tmp_path / "full")
    assert "OK" in run("openssl", "verify", "-attime", now, *trusted, tmp_path / "cert")


def test_the_zip_has_the_files_with_safe_modes(bundle: Bundle) -> None:
    with zipfile.ZipFile(io.BytesIO(to_zip(bundle, include_private=True))) as archive:
        assert archive.testzip() is None
        content = {entry.filename: archive.read(entry).decode() for entry in archive.infolist()}
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert content == {
        "cert.pem": bundle.cert,
        "chain.pem": bundle.chain,
        "fullchain.pem": bundle.fullchain,
        "privkey.pem": bundle.privkey,
    }
    assert modes.pop("privkey.pem") == stat.S_IFREG | 0o600
    assert set(modes.values()) == {stat.S_IFREG | 0o644}


def test_the_zip_has_a_key_only_on_request_and_if_there_is_one(bundle: Bundle) -> None:
    for data in (
        to_zip(bundle, include_private=False),
        to_zip(replace(bundle, privkey=None), include_private=True),
    ):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.namelist() == ["cert.pem", "chain.pem", "fullchain.pem"]


def test_the_zip_has_the_request_if_it_is_given(bundle: Bundle, good: str) -> None:
    brought = replace(bundle, csr=good)
    with zipfile.ZipFile(io.BytesIO(to_zip(brought, include_private=True))) as archive:
        assert archive.read("csr.pem").decode() == good
        assert archive.getinfo("csr.pem").external_attr >> 16 == stat.S_IFREG | 0o644
        assert archive.getinfo("privkey.pem").external_attr >> 16 == stat.S_IFREG | 0o600


def test_the_same_bundle_is_the_same_zip(bundle: Bundle) -> None:
    with zipfile.ZipFile(io.BytesIO(to_zip(bundle, include_private=True))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert to_zip(bundle, include_private=True) == to_zip(bundle, include_private=True)


def test_openssl_opens_the_pkcs12(
    make_bundle: Callable[[str], Bundle], rsa_key: str, ec_key: str, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.p12"
    opening = ("openssl", "pkcs12", "-in", file, "-passin", "env:PASSWORD", "-nodes")
    for key in (rsa_key, ec_key):
        bundle = make_bundle(key)
        file.write_bytes(to_pkcs12(bundle, password=PASSWORD, name="wéb *.example.com"))
        opened = run(*opening)
        assert key in opened
        for certificate in split_chain(bundle.fullchain):
            assert certificate in opened
        with pytest.raises(subprocess.CalledProcessError):
            run(*opening, password="wrong")


def test_the_pkcs12_has_modern_algorithms_only(bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "bundle.p12"
    file.write_bytes(to_pkcs12(bundle, password="plain", name="web"))
    shown = subprocess.run(
        ["openssl", "pkcs12", "-in", file, "-info", "-noout", "-passin", "pass:plain"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert "MAC: sha256" in shown
    assert shown.count("PBES2, PBKDF2, AES-256-CBC") == 2
    assert shown.count("PRF hmacWithSHA256") == 2


def test_certtool_opens_the_pkcs12(bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "bundle.p12"
    file.write_bytes(to_pkcs12(bundle, password="plain ascii", name="web"))
    shown = run("certtool", "--p12-info", "--inder", "--infile", file, "--password", "plain ascii")
    assert shown.count("BEGIN CERTIFICATE") == 3
    assert shown.count("PRIVATE KEY") == 2
    assert "Friendly name: web" in shown


def test_a_pkcs12_without_a_key_has_the_certificates(bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "bundle.p12"
    file.write_bytes(to_pkcs12(replace(bundle, privkey=None), password=PASSWORD, name="web"))
    opened = run("openssl", "pkcs12", "-in", file, "-passin", "env:PASSWORD", "-nodes")
    assert opened.count("BEGIN CERTIFICATE") == 3
    assert "PRIVATE KEY" not in opened


@pytest.mark.parametrize("password", ["", "a\x00b", "a\nb", "\ud800", "x" * 1025])
def test_a_password_that_readers_disagree_about_is_refused(bundle: Bundle, password: str) -> None:
    with pytest.raises(PKIError) as refused:
        to_pkcs12(bundle, password=password, name="web")
    assert refused.value.code == "bundle.password"
    assert not password or password not in refused.value.detail
