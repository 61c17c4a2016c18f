"""Rebuilds against targets that somebody has written into who means harm."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certificates.models import Certificate, Version
from certmate.core import clock
from certmate.pki.bundle import Bundle
from certmate.pki.keys import KeyType, generate, load_private_key
from storage import finding, rebuilding, services, working
from storage.backends.base import BundleRef
from storage.backends.local import LocalBackend
from storage.backends.shelf import ShelfBackend
from storage.choices import WorkState
from storage.models import RebuildItem, StorageRebuild, StorageTarget
from storage.services.places import backend_of
from tests import factories
from tests.servers.instance import wait_until
from tests.storage import leftovers
from tests.storage.bundles import authority as signer
from tests.storage.bundles import without_key
from tests.storage.test_rebuilding import SYSTEM, ask, bundle_of, counts, put, run, target

__all__ = ["target"]

pytestmark = pytest.mark.django_db

GOOD = "zzz.example.com"


def odd(name: str, *, serial: int | None = None, san: bytes | None = None) -> Bundle:
    """A bundle with an odd certificate, without its key."""
    key = load_private_key(generate(KeyType.EC256))
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(signer().name)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
    )
    if san is None:
        names: Any = x509.SubjectAlternativeName([x509.DNSName(name)])
    else:
        names = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), san)
    builder = builder.add_extension(names, critical=False)
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    builder = builder.add_extension(constraints, critical=True)
    pem = builder.sign(signer().key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    told = {"domain": name, "ca_provider": "acme", "ca_account_id": "ca", "staging": False}
    return Bundle(pem, signer().pem, None, told)


def only_the_good_one(target: StorageTarget) -> None:
    put(target, bundle_of(GOOD))
    rebuild = run(ask(target))
    assert counts(rebuild) == (WorkState.INCOMPLETE, 1, 0, 1)
    assert Certificate.objects.get().name == GOOD


# One bad bundle stops the whole.


def test_half_a_surrogate_pair_in_the_metadata(target: StorageTarget) -> None:
    factories.ca_account()
    put(target, bundle_of("aaa.example.com", ca_account_id="\ud800"))
    only_the_good_one(target)


def test_a_comment_beside_the_certificate_that_no_database_takes(target: StorageTarget) -> None:
    factories.ca_account()
    bundle = bundle_of("aaa.example.com")
    commented = replace(bundle, cert="\0" + bundle.cert)
    backend_of(target).put(BundleRef("server", "aaa.example.com"), commented)
    assert counts(run(ask(target))) == (WorkState.DONE, 1, 0, 0)


def test_what_stands_beside_the_certificate_is_not_handed_out(target: StorageTarget) -> None:
    factories.ca_account()
    bundle = bundle_of("aaa.example.com")
    commented = replace(bundle, cert="<script>" * 1000 + bundle.cert)
    backend_of(target).put(BundleRef("server", "aaa.example.com"), commented)
    run(ask(target))
    assert "<script>" not in Version.objects.get().cert


def test_a_serial_number_of_24_octets(target: StorageTarget) -> None:
    """Only PostgreSQL minds the length of a text."""
    factories.ca_account()
    bundle = odd("aaa.example.com", serial=(1 << 158) + 1)
    # A 20-octet serial number, made one octet longer; the chain is left out, so nobody verifies.
    from certmate.pki.inspect import pem_blocks, pem_of

    found = pem_blocks(bundle.cert)[0][1]
    at = found.index(b"\x02\x14\x40")
    grown = bytearray(found[:at] + b"\x02\x18\x01\x02\x03\x04" + found[at + 2 :])
    for start in (2, 6):
        length = int.from_bytes(grown[start : start + 2], "big") + 4
        grown[start : start + 2] = length.to_bytes(2, "big")
    put(target, replace(bundle, cert=pem_of(bytes(grown)), chain=""))
    only_the_good_one(target)


def test_alternative_names_that_cannot_be_read(target: StorageTarget) -> None:
    factories.ca_account()
    put(target, odd("aaa.example.com", san=b"\x30\x03\x02\x01\x05"))
    only_the_good_one(target)


def test_metadata_that_is_nested_too_deep(target: StorageTarget) -> None:
    factories.ca_account()
    ref = put(target, bundle_of("aaa.example.com"))
    root = backend_of(target)._root  # type: ignore[attr-defined]
    for file in (root / ref.path).glob("versions/*/metadata.json"):
        file.write_text('{"a": ' + "[" * 200_000 + "]" * 200_000 + "}")
    only_the_good_one(target)


def test_a_file_that_is_a_directory_is_a_fault_of_its_bundle(target: StorageTarget) -> None:
    factories.ca_account()
    ref = put(target, bundle_of("aaa.example.com"))
    root = backend_of(target)._root  # type: ignore[attr-defined]
    for file in (root / ref.path).glob("versions/*/metadata.json"):
        file.unlink()
        file.mkdir()
    only_the_good_one(target)


def test_so_it_is_where_many_follow_it(
    target: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told as a failure that passes, so that no later chunk is ever looked at."""
    factories.ca_account()
    monkeypatch.setattr(rebuilding, "CHUNK", 1)
    ref = put(target, bundle_of("aaa.example.com"))
    root = backend_of(target)._root  # type: ignore[attr-defined]
    for file in (root / ref.path).glob("versions/*/metadata.json"):
        file.unlink()
        file.mkdir()
    put(target, bundle_of(GOOD))
    rebuild = ask(target)
    for _ in range(3):
        run(rebuild)
    assert Certificate.objects.filter(name=GOOD).exists()


class Memory:
    """A shelf of documents, as any writer of a remote place leaves them."""

    creates = replaces = lists_at_once = True
    limit = None

    def __init__(self, kept: dict[tuple[str, str], Any]) -> None:
        self.kept = kept

    def read(self, folder: str, name: str) -> Any:
        from storage.backends.documents import from_text
        from storage.backends.shelf import Found

        text = self.kept.get((folder, name))
        return None if text is None else Found(from_text(text))

    def names(self, folder: str) -> Any:
        return (name for at, name in list(self.kept) if at == folder)

    def legacy(self) -> Any:
        return iter(())


def remote(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    from storage.backends.documents import encode, to_text

    good = bundle_of(GOOD)
    kept = {
        ("server", "aaa.example.com"): bad,
        ("server", GOOD): to_text(encode(good, good.fingerprint)),
    }
    backend = ShelfBackend(Memory(kept))  # type: ignore[arg-type]
    monkeypatch.setattr(rebuilding, "backend_of", lambda _: backend)


HOSTILE = {
    "parts": json.dumps({"parts": 5, "fingerprint": "a" * 64}),
    "parts-null": json.dumps({"parts": None, "fingerprint": "a" * 64}),
    "parts-bytes": json.dumps(
        {"parts": [], "fingerprint": "a" * 64, "digest": hashlib.sha256(b"").hexdigest()}
    ),
    "fingerprint-surrogate": json.dumps({"files": {}, "fingerprint": "\ud800"}),
    "fingerprint-nul": json.dumps({"files": {}, "fingerprint": "a\0"}),
    "deep": '{"a": ' + "[" * 200_000 + "]" * 200_000 + "}",
    "no-text": json.dumps({"files": {"cert.pem": 5}, "fingerprint": "aa"}),
}


@pytest.mark.parametrize("bad", HOSTILE.values(), ids=HOSTILE)
def test_a_document_that_is_none(
    target: StorageTarget, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    factories.ca_account()
    remote(monkeypatch, bad)
    rebuild = run(ask(target))
    assert counts(rebuild) == (WorkState.INCOMPLETE, 1, 0, 1)
    assert Certificate.objects.get().name == GOOD


# Who gets what he should not have.


def csr_of(name: str) -> str:
    key = load_private_key(generate(KeyType.EC256))
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("has_key", [True, False])
def test_a_csr_of_another_key_is_not_renewed_from(target: StorageTarget, has_key: bool) -> None:
    """The next renewal would certify the writer's own key for the names."""
    factories.ca_account()
    bundle = bundle_of("www.example.com")
    bundle = bundle if has_key else without_key(bundle)
    put(target, replace(bundle, csr=csr_of("www.example.com")))
    run(ask(target))
    assert not Certificate.objects.exclude(csr="").exists()


def test_a_certificate_that_its_holder_signed_himself_is_not_renewed_by_a_ca(
    target: StorageTarget,
) -> None:
    """Whoever may only write to a target gets what a CA signs, when an administrator rebuilds."""
    factories.ca_account("le", provider="letsencrypt")
    forged = replace(bundle_of("victim.example.com"), chain="")
    told = {"ca_provider": "letsencrypt", "ca_account_id": "le"}
    put(target, replace(forged, metadata=forged.metadata | told))
    run(ask(target))
    assert not Certificate.objects.filter(auto_renew=True, renew_at__isnull=False).exists()


# What is lost, or is not what it was.


def test_a_copy_under_another_name_hides_no_bundle(target: StorageTarget) -> None:
    """Certificates are public: a copy without its key is enough."""
    factories.ca_account()
    real = bundle_of("www.example.com")
    put(target, without_key(real), name="aaa")
    run(ask(target))
    put(target, real)
    rebuild = run(ask(target))
    assert counts(rebuild)[2:] == (1, 1), "One is another's, and nobody is told."


def test_nor_does_one_at_another_target(target: StorageTarget) -> None:
    factories.ca_account()
    other = services.create_target(
        actor=SYSTEM, name="other", backend="local", parameters={"path": "certificates-other"}
    )
    real = bundle_of("www.example.com")
    put(other, without_key(real), name="mine")
    put(target, real)
    run(ask(other))
    assert counts(run(ask(target)))[2:] == (0, 1), "It is another's, and nobody is told."


def test_one_bad_old_version_does_not_lose_the_good_one(target: StorageTarget) -> None:
    factories.ca_account()
    old, new = bundle_of("www.example.com"), bundle_of("www.example.com")
    ref = put(target, old, new)
    root = backend_of(target)._root  # type: ignore[attr-defined]
    (root / ref.path / "versions" / old.fingerprint / "privkey.pem").write_text("damaged")
    run(ask(target))
    assert Version.objects.filter(fingerprint=new.fingerprint).exists()


def test_a_revoked_certificate_does_not_become_active(target: StorageTarget) -> None:
    factories.ca_account()
    old, new = bundle_of("www.example.com"), bundle_of("www.example.com")
    put(target, new)
    run(ask(target))
    Version.objects.update(revoked_at=clock.now(), revocation_reason="keyCompromise")
    Certificate.objects.update(state="revoked", renew_at=None, renewal_poll_at=None)
    # A version that an older backup does not know; the current one is as it was.
    put(target, old, new)
    run(ask(target))
    found = Certificate.objects.get()
    assert (found.current_version and found.current_version.fingerprint) == new.fingerprint
    assert (found.state, found.renew_at) == ("revoked", None)


def test_what_was_ordered_meanwhile_is_not_covered_by_what_certmate_2_has_left(
    target: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = factories.ca_account()
    root = backend_of(target)._root  # type: ignore[attr-defined]
    left, ordered = bundle_of("www.example.com"), bundle_of("www.example.com")
    leftovers.in_folder(root, "www.example.com", left)
    real = rebuilding.Run._list

    def listed(self: Any) -> None:
        real(self)
        # An order is carried out while the rebuild is at it.
        ref = put(target, ordered)
        made = factories.certificate(ref.name, storage_target=target, ca_account=account)
        factories.version(made, fingerprint=ordered.fingerprint, cert=ordered.cert)

    monkeypatch.setattr(rebuilding.Run, "_list", listed)
    run(ask(target))
    current = Certificate.objects.get().current_version
    assert current is not None
    assert current.fingerprint == ordered.fingerprint
    ref = BundleRef("server", "www.example.com")
    assert services.load(target=target, ref=ref).fingerprint == ordered.fingerprint


def test_what_was_renewed_after_the_look_stays_current(
    target: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.ca_account()
    first, second = bundle_of("www.example.com"), bundle_of("www.example.com")
    put(target, first)
    run(ask(target))
    made, unknown = Certificate.objects.get(), bundle_of("www.example.com")
    put(target, unknown, first)
    real = finding.current_of

    def looked(backend: Any, ref: BundleRef) -> Any:
        seen = real(backend, ref)
        # The renewal ends between the last look at the target and the lock of the row.
        put(target, second)
        made.refresh_from_db()
        factories.version(made, 2, fingerprint=second.fingerprint, cert=second.cert)
        return seen

    monkeypatch.setattr("storage.rebuilding.current_of", looked)
    run(ask(target))
    current = Certificate.objects.get().current_version
    assert current is not None
    assert current.fingerprint == second.fingerprint


def test_a_target_that_was_rebuilt_can_be_deleted(target: StorageTarget) -> None:
    run(ask(target))
    services.delete_target(actor=SYSTEM, target=target)
    assert not StorageTarget.objects.filter(pk=target.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_a_long_listing_keeps_the_lease(
    target: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place is gone through for long without anything to note down."""
    rebuild, extended = ask(target), []

    def legacy(_: LocalBackend) -> Any:
        before = StorageRebuild.objects.get().lease_expires_at

        def is_longer() -> bool:
            lease = StorageRebuild.objects.get().lease_expires_at
            return bool(lease and before and lease > before)

        extended.append(wait_until(is_longer, seconds=30, what="a longer lease"))
        yield from ()

    monkeypatch.setattr(working, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(LocalBackend, "legacy", legacy)
    rebuilding.run_rebuild(rebuild.pk, 1)
    assert extended == [True]


def test_an_error_repeats_nothing_of_what_was_stored(target: StorageTarget) -> None:
    put(target, bundle_of("www.example.com", ca_account_id="hvs.SECRET", ca_provider="p4ssw0rd"))
    run(ask(target))
    detail = RebuildItem.objects.get().error_detail
    assert "SECRET" not in detail
    assert "p4ssw0rd" not in detail


def test_more_versions_than_a_query_takes(
    target: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names of documents are enough; SQLite then takes the whole chunk for ever anew."""
    factories.ca_account()
    remote(monkeypatch, json.dumps({"files": {}, "fingerprint": "a" * 64}))
    names = [f"{number:064x}" for number in range(250_001)]
    real = Memory.names

    def listed(self: Memory, folder: str) -> Any:
        return iter(names) if folder == "versions/server/aaa.example.com" else real(self, folder)

    monkeypatch.setattr(Memory, "names", listed)
    run(ask(target))
    assert Certificate.objects.filter(name=GOOD).exists()
