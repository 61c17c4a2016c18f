"""Certificate objects of Key Vault follow the current version, and never stand in its way."""

import base64
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from certmate.core.errors import UpstreamRejected, UpstreamUnavailable
from certmate.pki.bundle import Bundle
from certmate.pki.keys import KeyType
from storage.backends import certificate_objects
from storage.backends.base import Backend, BundleRef, OwnPlaces
from storage.backends.certificate_objects import CertificateObjects
from storage.backends.connections import CLIENTS
from storage.backends.key_vault import secret_name
from tests.servers.azure_kv import KeyVault
from tests.storage import places
from tests.storage.bundles import issue, without_key

REF = BundleRef("server", "*.my-app.example.com")
NAME = "certmate-tls-s-uwildcard-dmy--app-dexample-dcom"


@pytest.fixture
def vault(azure_server: KeyVault) -> KeyVault:
    return azure_server


@pytest.fixture
def backend(vault: KeyVault, own_places: OwnPlaces) -> Backend:
    given = vault.parameters | {"certificate_objects": "server"}
    return places.build("azure-key-vault", given, own_places)


def stored(backend: Backend, *bundles: Bundle) -> Backend:
    for bundle in bundles:
        backend.put(REF, bundle)
    return backend


def imported(vault: KeyVault, name: str = NAME) -> list[str]:
    """The certificates (Base64 of DER) of the object's versions."""
    return [str(version["cer"]) for version in vault.certificates.found.get(name, ())]


def told(bundle: Bundle) -> str:
    return "".join(bundle.cert.splitlines()[1:-1])


@pytest.mark.parametrize(
    ("key_type", "key"),
    [
        (KeyType.RSA2048, {"kty": "RSA", "key_size": 2048}),
        (KeyType.EC256, {"kty": "EC", "crv": "P-256"}),
        (KeyType.EC384, {"kty": "EC", "crv": "P-384"}),
        (KeyType.EC521, {"kty": "EC", "crv": "P-521"}),
    ],
)
def test_the_current_version_is_imported_so_that_azure_leaves_it_alone(
    backend: Backend, vault: KeyVault, tmp_path: Path, key_type: KeyType, key: dict[str, Any]
) -> None:
    bundle = issue(REF.name, key_type)
    stored(backend, bundle)
    (made,) = vault.certificates.found[NAME]
    policy = made["policy"]
    assert made["cer"] == told(bundle)
    assert made["tags"] == {"certmate-object": "server/_wildcard.my-app.example.com"}
    assert policy["issuer"] == {"name": "Unknown"}
    assert policy["secret_props"] == {"contentType": "application/x-pkcs12"}
    assert policy["key_props"] == {"exportable": True, "reuse_key": False} | key
    file = tmp_path / "object.pfx"
    file.write_bytes(base64.b64decode(vault.secrets[NAME][-1]["value"]))
    assert openssl(file, "-nodes", "-nocerts").replace("\n", "") == (bundle.privkey or "").replace(
        "\n", ""
    )
    assert openssl(file, "-nokeys").count("BEGIN CERTIFICATE") == 2


def openssl(file: Path, *what: str) -> str:
    """The PEM of what OpenSSL finds in a PKCS#12 file without a password."""
    command = ["openssl", "pkcs12", "-in", str(file), "-passin", "pass:", *what]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return text[text.index("-----BEGIN") :]


def test_a_repetition_adds_no_version(backend: Backend, vault: KeyVault) -> None:
    bundle = issue()
    stored(backend, bundle, bundle, bundle)
    assert imported(vault) == [told(bundle)]


def test_a_repetition_mends_what_a_killed_one_has_left(
    backend: Backend, vault: KeyVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = issue(), issue()
    for bundle in (first, second):
        with monkeypatch.context() as patched:
            patched.setattr(CertificateObjects, "_import", _killed)
            with pytest.raises(KeyboardInterrupt):
                backend.put(REF, bundle)
        assert backend.get(REF) == bundle
        assert told(bundle) not in imported(vault)
        backend.put(REF, bundle)
        assert imported(vault)[-1] == told(bundle)
    assert len(imported(vault)) == 2


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_older_version_that_becomes_current_is_imported(
    backend: Backend, vault: KeyVault
) -> None:
    first, second = issue(), issue()
    stored(backend, first, second, first)
    assert imported(vault)[-1] == told(first)


def test_of_two_writers_the_current_version_ends_in_the_object(
    backend: Backend, vault: KeyVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower one has stored before the other, and imports after it."""
    older, newer = issue(), issue()
    original, left = CertificateObjects._import, [newer]

    def late(self: CertificateObjects, *given: Any) -> None:
        while left:
            backend.put(REF, left.pop())
        original(self, *given)

    monkeypatch.setattr(CertificateObjects, "_import", late)
    backend.put(REF, older)
    assert backend.get(REF) == newer
    assert imported(vault)[-1] == told(newer)


def test_what_is_deleted_while_it_is_imported_leaves_no_object(
    backend: Backend, vault: KeyVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = CertificateObjects._import

    def late(self: CertificateObjects, *given: Any) -> None:
        backend.delete(REF)
        original(self, *given)

    monkeypatch.setattr(CertificateObjects, "_import", late)
    backend.put(REF, issue())
    assert vault.secrets == vault.deleted == vault.certificates.found == {}


def test_the_secret_of_an_object_is_none_of_our_documents(
    backend: Backend, vault: KeyVault
) -> None:
    client = BundleRef("client", "laptop-7")
    bundles = {REF: issue(), client: issue()}
    for ref, bundle in bundles.items():
        backend.put(ref, bundle)
    # Even if somebody gives the object the tags of a document.
    vault.secrets[NAME][-1]["tags"] = {"certmate-folder": "server", "certmate-name": "other"}
    assert {ref: backend.get(ref) for ref in backend.list()} == bundles
    assert list(backend.legacy()) == []
    assert set(vault.certificates.found) == {NAME}


def test_without_being_asked_for_there_are_no_objects(
    vault: KeyVault, own_places: OwnPlaces
) -> None:
    vault.denied |= {f"certificates/{verb}" for verb in ("get", "import", "delete", "purge")}
    given = vault.parameters
    backend = stored(places.build("azure-key-vault", given, own_places), issue())
    backend.probe()
    backend.delete(REF)
    assert not vault.certificates.found


def test_an_object_is_deleted_with_its_bundle_for_good(backend: Backend, vault: KeyVault) -> None:
    older = issue()
    stored(backend, older, issue())
    backend.delete(REF, older.fingerprint)
    assert imported(vault)
    backend.delete(REF)
    backend.delete(REF)
    assert vault.secrets == vault.deleted == {}
    assert vault.certificates.found == vault.certificates.deleted == {}


def test_where_nothing_can_be_purged_the_name_is_used_again(
    backend: Backend, vault: KeyVault
) -> None:
    vault.recovery_level = "Recoverable+ProtectedSubscription"
    newer = issue()
    stored(backend, issue()).delete(REF)
    assert set(vault.certificates.deleted) == {NAME}
    stored(backend, newer)
    assert imported(vault)[-1] == told(newer)


@pytest.mark.parametrize("key_type", [KeyType.ED25519, KeyType.MLDSA44])
def test_a_key_that_azure_does_not_take_is_stored_and_told(
    backend: Backend, vault: KeyVault, caplog: pytest.LogCaptureFixture, key_type: KeyType
) -> None:
    bundle = issue(REF.name, key_type)
    assert stored(backend, bundle).get(REF) == bundle
    assert vault.certificates.found == {}
    assert "server/_wildcard.my-app.example.com has no certificate object" in caplog.text


def test_a_bundle_without_a_key_has_no_object(backend: Backend, vault: KeyVault) -> None:
    stored(backend, without_key(issue()))
    assert vault.certificates.found == {}


def test_what_azure_refuses_is_stored_and_told(
    backend: Backend,
    vault: KeyVault,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(certificate_objects, "_key_of", lambda _: {"key_type": "RSA"})
    bundle = issue()
    assert stored(backend, bundle).get(REF) == bundle
    assert imported(vault) == []
    assert "did not take it" in caplog.text


def test_a_chain_that_cannot_be_read_is_stored_and_told(
    backend: Backend, vault: KeyVault, caplog: pytest.LogCaptureFixture
) -> None:
    stored(backend, replace(issue(), chain="-----BEGIN CERTIFICATE-----"))
    assert imported(vault) == []
    assert "has no certificate object" in caplog.text


def test_a_missing_right_to_import_is_named_and_loses_nothing(
    backend: Backend, vault: KeyVault
) -> None:
    bundle = issue()
    vault.denied.add("certificates/import")
    with pytest.raises(UpstreamRejected) as caught:
        backend.put(REF, bundle)
    assert caught.value.code == "storage.forbidden"
    assert backend.get(REF) == bundle
    vault.denied.clear()
    backend.put(REF, bundle)
    assert imported(vault) == [told(bundle)]


@pytest.mark.parametrize("right", ["import", "get", "delete", "purge"])
def test_a_probe_names_the_right_that_is_missing(
    backend: Backend, vault: KeyVault, right: str
) -> None:
    backend.probe()
    assert vault.secrets == vault.deleted == {}
    vault.denied.add(f"certificates/{right}")
    with pytest.raises(UpstreamRejected) as caught:
        backend.probe()
    assert caught.value.code == "storage.forbidden"
    needs = f"{right} on certificates of the vault (role Key Vault Certificates Officer)"
    assert f"Missing permission: {needs}" in caught.value.detail


def test_a_probe_that_reads_another_one_back_says_so(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CertificateObjects, "_has", lambda *_: False)
    with pytest.raises(UpstreamUnavailable, match="what was read is not what was imported"):
        backend.probe()


def test_without_the_sdk_for_objects_secrets_are_kept_all_the_same(
    vault: KeyVault, own_places: OwnPlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    CLIENTS._made.clear()
    monkeypatch.setitem(sys.modules, "azure.keyvault.certificates", None)
    bundle = issue()
    fresh = places.build(
        "azure-key-vault", vault.parameters | {"certificate_objects": "server"}, own_places
    )
    with pytest.raises(UpstreamRejected) as caught:
        fresh.put(REF, bundle)
    assert caught.value.code == "storage.missing_sdk"
    assert "azure-keyvault-certificates" in caught.value.detail
    plain = places.build("azure-key-vault", vault.parameters, own_places)
    assert plain.get(REF) == fresh.get(REF) == bundle


def test_names_of_objects_are_spelt_as_documented() -> None:
    assert secret_name("certmate", "tls/_wildcard.my-app.example.com") == NAME
