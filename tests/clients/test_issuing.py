"""Client certificates from asking to storing, and what is told about them."""

import base64
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection

from certmate.core import clock
from certmate.core.errors import (
    CertMateError,
    Conflict,
    InvalidRequest,
    NotFound,
    UpstreamUnavailable,
)
from certmate.pki import bundle as bundles
from certmate.pki.alt_names import AltNames
from certmate.pki.inspect import pem_blocks
from certmate.pki.keys import KeyType, generate, load_private_key
from certmate.pki.requests import build_request
from clients import services, storing
from clients.models import ClientCertificate, ClientVersion, PendingKey
from providers.authority.custody.base import SoftwareSigner
from providers.models import BlockedKey, LedgerEntry, Revocation
from providers.services import ledger, release_entry, revoke_entry, signing
from storage import services as storage
from storage.backends.base import BundleRef
from storage.models import StorageTarget, StoredBundle
from tests.clients import world
from tests.clients.world import SYSTEM, issue, openssl

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture(autouse=True)
def _company() -> None:
    world.target()
    world.authority()


def csr(key_type: KeyType = KeyType.EC256, **subject: str) -> tuple[str, str]:
    """A private key and a request of it."""
    key = generate(key_type)
    return key, build_request(key, subject or {"CN": "brought"}, AltNames())


def test_a_certificate_is_kept_with_its_key_ledger_line_and_log() -> None:
    made = issue(
        subject={"O": "Example"},
        san={"dns": ["Device.Example.TEST"], "ip": ["192.0.2.7"]},
        profile="device",
    )
    bundle = services.load_client_bundle(actor=SYSTEM, certificate=made, include_private=True)
    bundles.check(bundle)
    version, entry = made.current_version, LedgerEntry.objects.get(holder="client/device-001")
    assert version is not None
    assert (version.entry, version.serial, entry.state, entry.tbs) == (
        entry,
        entry.serial,
        "signed",
        None,
    )
    assert bundle.metadata["client_identifier"] == "device-001"
    assert bundle.metadata["certificate_type"] == "device"
    assert bundle.metadata["key_usage"]["digital_signature"] is True
    assert bundle.metadata["key_usage"]["key_encipherment"] is False, "an EC key encrypts nothing"
    assert bundle.metadata["extended_key_usage"] == ["clientAuth"]
    assert bundle.metadata["subject"] == {"O": "Example", "CN": "device-001"}
    assert bundle.metadata["san"] == {"dns": ["device.example.test"], "ip": ["192.0.2.7"]}
    assert bundle.metadata["public_key_hash"] == f"sha256:{entry.public_key_hash}"


def test_openssl_reads_what_was_asked_for(tmp_path: Path) -> None:
    made = issue(san={"email": ["a@example.test"], "uri": ["spiffe://example.test/a"]})
    leaf, chain, root = world.write_chain(tmp_path, made)
    said = openssl("x509", "-in", str(leaf), "-noout", "-text").stdout.decode()
    for text in (
        "Subject: CN = device-001",
        "email:a@example.test, URI:spiffe://example.test/a",
        "TLS Web Client Authentication",
        "CA:FALSE",
        "/pki/issuing/crl/0.crl",
        "/pki/issuing/ca/1.cer",
    ):
        assert text in said
    verified = openssl(
        "verify",
        "-x509_strict",
        "-purpose",
        "sslclient",
        "-CAfile",
        str(root),
        "-untrusted",
        str(chain),
        str(leaf),
    )
    assert verified.returncode == 0, verified.stderr


def test_a_certificate_never_outlives_its_authority() -> None:
    world.authority("short", validity_days=10)
    made = issue(authority="short", validity_days=300)
    key = made.authority.active_key() if made.authority else None
    assert key is not None
    assert made.expires_at == key.not_after


def test_an_identifier_is_made_of_the_common_name_and_gives_way() -> None:
    first, second = issue("Ada Lovelace"), issue("Ada Lovelace")
    assert first.identifier == "ada-lovelace"
    assert second.identifier.startswith("ada-lovelace-")


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"identifier": "csr"}, "identifier", "client.reserved"),
        ({"identifier": "../x"}, "identifier", "name.invalid"),
        ({"profile": "nothing"}, "profile", "profile.unknown"),
        ({"authority": "nothing"}, "authority", "authority.unknown"),
        ({"identity": "nothing"}, "identity", "identity.unknown"),
        ({"storage": "nothing"}, "storage", "storage.unknown"),
        ({"key_type": "dsa1024"}, "key_type", "profile.key_type"),
        ({"validity_days": 20000}, "validity_days", "profile.validity"),
        ({"subject": {"C": "Germany"}}, "subject.C", "subject.invalid"),
        ({"subject": {"EMAIL": "a@example.test"}}, "subject.EMAIL", "subject.unknown"),
        ({"san": {"ip": ["192.0.2.1"]}}, "san.ip", "profile.san"),
        ({"san": {"dns": ["a b"]}}, "san.dns", "name.invalid"),
        ({"san": {"other": ["x"]}}, "san.other", "san.type"),
        ({"csr": "no request"}, "csr", "csr.malformed"),
        ({"profile": "server"}, "san.dns", "profile.san"),
    ],
)
def test_what_breaks_a_rule_is_told_with_its_field_and_leaves_nothing(
    fields: dict[str, Any], field: str, code: str
) -> None:
    before = LedgerEntry.objects.count()
    with pytest.raises(InvalidRequest) as refused:
        issue(**fields)
    assert (refused.value.field, refused.value.code) == (field, code)
    assert not ClientCertificate.objects.exists()
    assert LedgerEntry.objects.count() == before, "no serial number is burnt"


def test_a_brought_csr_is_certified_and_no_key_exists_here() -> None:
    key, request = csr()
    made = issue("", csr=request)
    assert (made.method, made.common_name) == ("csr", "brought")
    bundle = services.load_client_bundle(actor=SYSTEM, certificate=made, include_private=False)
    assert bundle.csr == request
    with pytest.raises(NotFound, match="never ours"):
        services.load_client_bundle(actor=SYSTEM, certificate=made, include_private=True)
    bundles.check(bundles.Bundle(bundle.cert, bundle.chain, key))


def test_renewing_makes_a_new_key_or_keeps_it_or_takes_another() -> None:
    made = issue()
    services.renew_client_certificate(actor=SYSTEM, certificate=made)
    services.renew_client_certificate(actor=SYSTEM, certificate=made, same_key=True, supersede=True)
    _, request = csr(CN="device-001")
    services.renew_client_certificate(actor=SYSTEM, certificate=made, csr=request)
    versions = list(made.versions.order_by("number"))
    keys = [version.public_key_hash for version in versions]
    assert keys[0] != keys[1] == keys[2] != keys[3]
    assert [version.revocation_reason for version in versions] == ["", "superseded", "", ""]
    assert [version.has_private_key for version in versions] == [True, True, True, False]
    made.refresh_from_db()
    assert (made.current_version, made.method) == (versions[3], "csr")


def test_the_holder_of_the_present_key_proves_it_for_another() -> None:
    made = issue()
    bundle = services.load_client_bundle(actor=SYSTEM, certificate=made, include_private=True)
    _, request = csr(CN="device-001")
    message = pem_blocks(request)[0][1]
    proof = base64.b64encode(
        SoftwareSigner(load_private_key(str(bundle.privkey))).sign(message)
    ).decode()
    services.renew_client_certificate(actor=SYSTEM, certificate=made, csr=request, proof=proof)
    assert made.versions.count() == 2
    with pytest.raises(InvalidRequest) as refused:
        services.renew_client_certificate(actor=SYSTEM, certificate=made, csr=request, proof=proof)
    assert refused.value.code == "renew.proof", "the old key proves nothing any more"


def test_hold_release_and_revocation_for_good() -> None:
    made = issue()
    services.revoke_client_certificate(actor=SYSTEM, certificate=made, reason="certificateHold")
    made.refresh_from_db()
    assert (made.state, Revocation.objects.count()) == ("held", 1)
    services.release_client_certificate(actor=SYSTEM, certificate=made)
    made.refresh_from_db()
    assert (made.state, Revocation.objects.count()) == ("active", 0)
    assert made.renew_at is not None
    services.revoke_client_certificate(actor=SYSTEM, certificate=made, reason="keyCompromise")
    made = ClientCertificate.objects.get()
    assert made.state == "revoked"
    assert made.renew_at is None
    with pytest.raises(Conflict) as refused:
        services.revoke_client_certificate(actor=SYSTEM, certificate=made)
    assert refused.value.code == "revoke.already"


def test_revoking_the_line_of_the_ledger_revokes_the_certificate() -> None:
    made = issue()
    entry = LedgerEntry.objects.get(holder="client/device-001")
    revoke_entry(actor=SYSTEM, entry=entry, reason="certificateHold")
    made.refresh_from_db()
    assert (made.state, made.renew_at) == ("held", None)
    release_entry(actor=SYSTEM, entry=entry)
    made.refresh_from_db()
    assert made.state == "active"
    assert made.renew_at is not None
    assert ClientVersion.objects.get().revoked_at is None


def test_a_compromised_key_is_never_certified_again() -> None:
    _, request = csr()
    made = issue("", csr=request)
    services.revoke_client_certificate(actor=SYSTEM, certificate=made, reason="keyCompromise")
    assert BlockedKey.objects.count() == 1
    before = LedgerEntry.objects.count()
    with pytest.raises(Conflict) as refused:
        issue("", identifier="other", csr=request)
    assert refused.value.code == "key.blocked"
    assert LedgerEntry.objects.count() == before


def test_a_compromised_key_takes_all_that_relies_on_it_along() -> None:
    made = issue()
    services.renew_client_certificate(actor=SYSTEM, certificate=made, same_key=True)
    made.refresh_from_db()
    other = issue("other")
    services.revoke_client_certificate(
        actor=SYSTEM, certificate=made, number=1, reason="superseded"
    )
    services.revoke_client_certificate(
        actor=SYSTEM, certificate=made, number=1, reason="keyCompromise"
    )
    made.refresh_from_db()
    other.refresh_from_db()
    assert (made.state, other.state) == ("revoked", "active")
    reasons = made.versions.values_list("revocation_reason", flat=True)
    assert set(reasons) == {"keyCompromise"}


def test_deleting_takes_the_keys_and_leaves_the_ledger() -> None:
    made = issue()
    with pytest.raises(Conflict) as refused:
        services.delete_client_certificate(actor=SYSTEM, certificate=made)
    assert refused.value.code == "client.valid"
    services.delete_client_certificate(actor=SYSTEM, certificate=made, force=True)
    assert not StoredBundle.objects.exists()
    assert LedgerEntry.objects.filter(holder="client/device-001", state="signed").exists()


def test_nothing_is_deleted_that_is_on_its_way_to_its_place() -> None:
    made = issue()
    ClientVersion.objects.update(stored_at=None)
    with pytest.raises(Conflict) as refused:
        services.delete_client_certificate(actor=SYSTEM, certificate=made, force=True)
    assert refused.value.code == "client.storing"
    # What could not be brought there for long does not keep it.
    ClientVersion.objects.update(created_at=clock.now() - timedelta(hours=1))
    services.delete_client_certificate(actor=SYSTEM, certificate=made, force=True)
    assert not ClientCertificate.objects.exists()


def test_a_version_that_is_issued_while_its_certificate_is_deleted_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = issue()
    remove = storage.remove

    def late(**given: Any) -> None:
        remove(**given)
        ClientVersion.objects.update(stored_at=None)

    monkeypatch.setattr(storage, "remove", late)
    with pytest.raises(Conflict):
        services.delete_client_certificate(actor=SYSTEM, certificate=made, force=True)
    assert ClientCertificate.objects.exists()


def test_a_storage_that_is_away_costs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    files = StorageTarget.objects.create(name="files", backend="local")

    def away(**_: object) -> None:
        raise UpstreamUnavailable("Away.", code="storage.unavailable")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "store", away)
        made = issue(storage=files.name)
    version = ClientVersion.objects.get()
    assert version.stored_at is None
    assert PendingKey.objects.count() == 1
    assert storing.store_unstored() == 0, "not before a minute has passed"
    ClientVersion.objects.update(created_at=clock.now() - timedelta(minutes=5))
    assert storing.store_unstored() == 1
    assert not PendingKey.objects.exists()
    bundles.check(services.load_client_bundle(actor=SYSTEM, certificate=made, include_private=True))


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> StorageTarget:
    """A target of files that is away."""
    monkeypatch.setattr(storage, "store", _away)
    return StorageTarget.objects.create(name="files", backend="local")


def _away(**_: object) -> None:
    raise UpstreamUnavailable("Away.", code="storage.unavailable")


def test_several_wait_for_their_place_at_once_and_one_that_fails_stops_no_other(
    files: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(4):
        issue(f"device-{n}", storage=files.name)
    together = Barrier(4, timeout=30)

    def waiting(*, target: StorageTarget, ref: BundleRef, bundle: bundles.Bundle) -> None:
        together.wait()
        if ref.name == "device-1":
            _away()
        if ref.name == "device-2":
            raise KeyError("what an SDK raises")

    monkeypatch.setattr(storage, "store", waiting)
    assert storing.store_versions(list(ClientVersion.objects.all())) == 2
    left = ClientVersion.objects.filter(stored_at=None)
    assert {one.certificate.identifier for one in left} == {"device-1", "device-2"}
    assert {one.version for one in PendingKey.objects.all()} == set(left)


@pytest.mark.parametrize("asked", [(1,), (2,), (2, 1)])
def test_the_newest_version_comes_last_to_its_place(
    files: StorageTarget, asked: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = issue(storage=files.name)
    services.renew_client_certificate(actor=SYSTEM, certificate=made)
    versions = {one.number: one for one in ClientVersion.objects.all()}
    stored: list[str] = []
    monkeypatch.setattr(
        storage, "store", lambda **given: stored.append(given["bundle"].fingerprint)
    )
    assert storing.store_versions([versions[number] for number in asked]) == len(asked)
    assert stored == [versions[1].fingerprint, versions[2].fingerprint]


def test_a_version_that_fails_keeps_the_newer_ones_waiting(
    files: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored after these, it would take their place."""
    made = issue(storage=files.name)
    services.renew_client_certificate(actor=SYSTEM, certificate=made)
    assert storing.store_versions(list(ClientVersion.objects.all())) == 0
    assert PendingKey.objects.count() == 2


@pytest.mark.parametrize("newer", [1, 2])
def test_who_comes_late_to_a_place_leaves_the_newest_version_there(
    files: StorageTarget, newer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker stands still before it writes; meanwhile, and while it mends that, others renew."""
    made = issue(storage=files.name)
    monkeypatch.undo()
    put, renewals = storage.store, iter(range(newer))

    def late(**given: Any) -> None:
        for _ in islice(renewals, 1):
            made.refresh_from_db()
            services.renew_client_certificate(actor=SYSTEM, certificate=made)
        put(**given)

    monkeypatch.setattr(storage, "store", late)
    storing.store_versions(list(ClientVersion.objects.all()))
    newest = ClientVersion.objects.latest("number")
    assert newest.number == 1 + newer
    ref = BundleRef("client", made.identifier)
    assert storage.load(target=files, ref=ref).fingerprint == newest.fingerprint
    assert not ClientVersion.objects.filter(stored_at=None).exists()
    assert not PendingKey.objects.exists()


def _broken(**_: object) -> None:
    raise KeyError("what an SDK raises")


@pytest.mark.parametrize("fault", [None, _away, _broken])
def test_a_newer_version_that_cannot_be_put_back_is_not_waited_for(
    files: StorageTarget, fault: Callable[..., None] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is on its way, or its place fails."""
    made = issue(storage=files.name)
    monkeypatch.undo()
    put = storage.store

    def late(**given: Any) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(storage, "store", _away)
            services.renew_client_certificate(actor=SYSTEM, certificate=made)
        put(**given)
        if fault:
            monkeypatch.setattr(storage, "load", fault)

    with monkeypatch.context() as patched:
        patched.setattr(storage, "store", late)
        assert storing.store_versions([ClientVersion.objects.get()]) == 1
    monkeypatch.undo()
    first, newest = ClientVersion.objects.order_by("number")
    assert (first.stored_at is None, newest.stored_at) == (False, None)
    ref = BundleRef("client", made.identifier)
    assert storage.load(target=files, ref=ref).fingerprint == first.fingerprint
    assert storing.store_versions([newest]) == 1
    assert storage.load(target=files, ref=ref).fingerprint == newest.fingerprint


def test_one_who_lost_the_race_for_an_identifier_gets_nothing() -> None:
    failing = failing_insert("clients_clientcertificate")
    with connection.execute_wrapper(failing), pytest.raises(Conflict) as refused:
        issue()
    assert refused.value.code == "client.exists"
    lost = LedgerEntry.objects.get(holder="client/device-001")
    assert (lost.state, Revocation.objects.get().entry) == ("abandoned", lost)


@pytest.mark.parametrize(
    "table", ["clients_clientversion", "storage_storedbundle", "audit_event", "auditlog_logentry"]
)
def test_an_insert_that_fails_leaves_no_certificate_without_a_row(table: str) -> None:
    failing = failing_insert(table)
    with connection.execute_wrapper(failing), pytest.raises((CertMateError, IntegrityError)):
        issue()
    assert not ClientCertificate.objects.exists()
    assert not StoredBundle.objects.exists()
    # Without an audit log it cannot be given up at once; the reconciler does when there is one.
    unfinished = LedgerEntry.objects.filter(state="intended")
    assert unfinished.exists() == ("audit" in table)
    unfinished.update(created_at=clock.now() - ledger.GIVEN_UP_AFTER)
    assert ledger.reconcile() == ("audit" in table)
    entry = LedgerEntry.objects.get(holder="client/device-001")
    assert (entry.state, Revocation.objects.get().entry) == ("abandoned", entry)


def test_without_a_line_in_the_ledger_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    signed: list[object] = []
    monkeypatch.setattr(signing, "sign_drafts", lambda *_, **__: signed.append(1))
    failing = failing_insert("providers_ledgerentry")
    with connection.execute_wrapper(failing), pytest.raises(CertMateError):
        issue()
    assert not signed


def failing_insert(table: str) -> Callable[..., Any]:
    """A database that takes no row into this table."""

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.replace('"', "").startswith(f"INSERT INTO {table} "):
            raise IntegrityError("made to fail")
        return run(sql, params, many, context)

    return execute
