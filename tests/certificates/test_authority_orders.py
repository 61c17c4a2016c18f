"""Certificates from a private authority: the same orders, and openssl judges what comes out."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.core.management import call_command

from certificates import execution, services, sweeps
from certificates.choices import CertificateState, OrderKind, OrderState
from certificates.models import Certificate, Order, OrderKey, Version
from certificates.services import CertificateRequest
from certificates.services.metadata import metadata
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.core.errors import Conflict
from certmate.pki.alt_names import parse_alt_names
from certmate.pki.bundle import Bundle
from certmate.pki.inspect import load_certificate, pem_of
from certmate.pki.keys import KeyType, generate
from certmate.pki.requests import build_request
from providers import issuers
from providers.choices import EntryState
from providers.models import Authority, LedgerEntry, Revocation
from providers.services import ledger, release_entry, revoke_entry, update_authority
from providers.services.crls import publish
from storage import services as storage
from storage.backends.base import BundleRef
from tests import factories
from tests.certificates.conftest import run
from tests.providers.authority.making import run as run_program
from tests.providers.authority.making import write

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system()
NAMES = ("app.internal", "*.app.internal", "printer", "10.0.0.7")


@pytest.fixture
def authority() -> Authority:
    factories.storage_target()
    return factories.authority()


def place(*names: str, name: str = "", **wanted: Any) -> tuple[Certificate, Order]:
    request = CertificateRequest(
        domain=names[0], san_domains=names[1:], **({"ca": "internal"} | wanted)
    )
    return services.create_certificate(actor=SYSTEM, request=request, name=name)


def issue(*names: str, **wanted: Any) -> Certificate:
    _, order = place(*names, **wanted)
    return done(order)


def done(order: Order) -> Certificate:
    """Carry the order out; the certificate as it then is."""
    finished = run(order)
    assert finished.state == OrderState.SUCCEEDED, finished.error_detail
    return Certificate.objects.get(pk=finished.certificate_id)


def current(certificate: Certificate) -> Version:
    assert certificate.current_version is not None
    return certificate.current_version


def line(version: Version) -> LedgerEntry:
    assert version.entry is not None
    return version.entry


def verified(version: Version, folder: Path) -> tuple[bool, str]:
    """What openssl thinks of it as a server's certificate, the CRL of now included."""
    entry = line(version)
    crl = publish(entry.key, entry.shard)
    crl_pem = pem_of(bytes(crl.content), "X509 CRL")
    write(folder, root_pem=entry.key.cert, leaf_pem=version.cert, crl_pem=crl_pem)
    checks = ("-x509_strict", "-crl_check", "-purpose", "sslserver")
    files = ("-CAfile", "root.pem", "-CRLfile", "crl.pem", "leaf.pem")
    return run_program("openssl", "verify", *checks, *files, folder=folder)


def stored(version: Version) -> Bundle:
    ref = BundleRef("server", version.certificate.name)
    return storage.load(target=version.storage_target, ref=ref, fingerprint=version.fingerprint)


def test_a_certificate_is_issued_renewed_reissued_and_revoked(
    authority: Authority, tmp_path: Path
) -> None:
    certificate = issue(*NAMES)
    first = current(certificate)
    assert verified(first, tmp_path)[0], verified(first, tmp_path)
    assert set(first.names) == set(NAMES)
    assert (certificate.state, certificate.names[0]) == (CertificateState.ACTIVE, "app.internal")
    assert not OrderKey.objects.exists()

    certificate = done(services.renew_certificate(actor=SYSTEM, certificate=certificate))
    second = current(certificate)
    assert second.number == 2
    assert second.public_key_hash != first.public_key_hash
    assert verified(second, tmp_path)[0]

    request = CertificateRequest(domain="other.internal", san_domains=[])
    placed = services.reissue_certificate(actor=SYSTEM, certificate=certificate, request=request)
    third = current(done(placed))
    assert third.names == ["other.internal"]
    assert verified(third, tmp_path)[0]

    placed = services.revoke_certificate(
        actor=SYSTEM, certificate=certificate, reason="superseded", number=3
    )
    assert done(placed).state == CertificateState.REVOKED
    third.refresh_from_db()
    assert third.revoked_at is not None
    assert Revocation.objects.get().entry == line(third)
    accepted, said = verified(third, tmp_path)
    assert not accepted
    assert "certificate revoked" in said
    assert verified(second, tmp_path)[0]


def test_the_certificate_says_what_was_asked_for_and_no_more(authority: Authority) -> None:
    version = current(issue(*NAMES, validity_days=9))
    found = load_certificate(version.cert)
    assert found.subject.rfc4514_string() == "CN=app.internal"
    assert version.not_after - version.not_before < timedelta(days=9, hours=1)
    purposes = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]
    entry = line(version)
    assert (entry.holder, entry.profile) == ("server/app.internal", "server")
    assert (entry.serial, entry.state) == (version.serial, EntryState.SIGNED)
    assert entry.public_key_hash == version.public_key_hash


def test_a_name_that_is_too_long_for_a_common_name_or_an_address_is_none(
    authority: Authority,
) -> None:
    for name in (f"{'a' * 60}.internal", "2001:db8::7"):
        found = load_certificate(current(issue(name)).cert)
        assert found.subject.rfc4514_string() == ""


def test_the_profile_decides_whether_there_is_a_common_name(authority: Authority) -> None:
    factories.profile("bare", subject_fields=[], subject={"O": "Example"})
    found = load_certificate(current(issue("app.internal", profile="bare")).cert)
    assert found.subject.rfc4514_string() == "O=Example"


def test_what_is_stored_tells_where_it_is_from(authority: Authority) -> None:
    version = current(issue("app.internal"))
    bundle = stored(version)
    assert bundle.privkey
    assert bundle.chain == line(version).key.cert
    told = bundle.metadata
    assert (told["ca_provider"], told["ca_account_id"]) == ("authority", "internal")
    assert (told["issuance_method"], told["certificate_type"]) == ("direct", "server")
    assert (told["staging"], told["challenge_type"], told["email"]) == (False, None, None)
    assert told["issuer_ca"] == "CN=internal root"
    assert metadata(version.certificate, version) == told


@pytest.mark.parametrize("key_type", ["rsa2048", "ed25519"])
def test_an_authority_takes_the_keys_of_its_profile(authority: Authority, key_type: str) -> None:
    version = current(issue("app.internal", key_type=key_type))
    kinds = rsa.RSAPublicKey if key_type == "rsa2048" else ed25519.Ed25519PublicKey
    assert isinstance(load_certificate(version.cert).public_key(), kinds)


def csr(*names: str, common_name: str = "", email: str = "") -> str:
    subject = {"CN": common_name} if common_name else {}
    alt_names = parse_alt_names(dns=names, email=[email] if email else [])
    return build_request(generate(KeyType.ED25519), subject, alt_names)


@pytest.mark.parametrize(
    "brought",
    [csr("app.internal", "b.internal"), csr("app.internal", "b.internal", common_name="Jane Doe")],
)
def test_a_csr_of_ones_own_is_signed_for_its_names_alone(
    authority: Authority, brought: str
) -> None:
    certificate = issue("app.internal", csr=brought)
    version = current(certificate)
    assert version.names == certificate.names == ["app.internal", "b.internal"]
    assert not version.has_private_key
    assert stored(version).privkey is None
    assert load_certificate(version.cert).subject.rfc4514_string() == "CN=app.internal"
    assert metadata(certificate, version)["issuance_method"] == "csr"
    again = current(done(services.renew_certificate(actor=SYSTEM, certificate=certificate)))
    assert again.public_key_hash == version.public_key_hash
    assert again.serial != version.serial


def test_a_csr_with_nothing_but_a_common_name_asks_for_that(authority: Authority) -> None:
    assert current(issue("app.internal", csr=csr(common_name="app.internal"))).names == [
        "app.internal"
    ]


def test_a_csr_that_is_sent_again_is_signed_for_its_first_holder_alone(
    authority: Authority,
) -> None:
    brought = csr("app.internal")
    (_, first), (_, second) = (place("app.internal", csr=brought, name=one) for one in ("a", "b"))
    done(first)
    failed = run(second)
    assert (failed.state, failed.error_code) == (OrderState.FAILED, "key.other_holder")
    with pytest.raises(Conflict) as refused:
        place("app.internal", csr=brought, name="c")
    assert refused.value.code == "key.other_holder"
    assert LedgerEntry.objects.filter(kind="leaf").count() == 1


class Killed(BaseException):
    """As by the kernel: nobody catches it."""


def die(*_: Any, **__: Any) -> None:
    raise Killed


@pytest.mark.parametrize("place_of_death", ["before it is kept", "before it is stored"])
def test_what_a_crash_leaves_is_taken_up(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, place_of_death: str
) -> None:
    _, order = place("app.internal")
    module, name = {
        "before it is kept": (issuers, "keep"),
        "before it is stored": (storage, "store"),
    }[place_of_death]
    with monkeypatch.context() as patched:
        patched.setattr(module, name, die)
        with pytest.raises(Killed):
            execution.run_order(order.pk)
    Order.objects.filter(pk=order.pk).update(lease_expires_at=clock.now())
    certificate = done(order)
    version = Version.objects.get()
    assert certificate.current_version == version
    assert line(version).state == EntryState.SIGNED
    left = LedgerEntry.objects.filter(kind="leaf").exclude(pk=line(version).pk)
    if place_of_death == "before it is stored":
        assert not left.exists()
        return
    assert left.get().state == EntryState.INTENDED
    assert left.get().public_key_hash == version.public_key_hash
    left.update(created_at=clock.now() - ledger.GIVEN_UP_AFTER - timedelta(seconds=1))
    assert ledger.reconcile() == 1
    assert left.get().state == EntryState.ABANDONED
    assert Revocation.objects.get().serial == left.get().serial != version.serial


def test_an_order_that_was_cancelled_while_it_was_signed_keeps_nothing(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, order = place("app.internal")
    sign = issuers.sign_leaf

    def cancelled(**wanted: Any) -> issuers.SignedLeaf:
        signed = sign(**wanted)
        services.cancel_order(actor=SYSTEM, order=order)
        return signed

    monkeypatch.setattr(issuers, "sign_leaf", cancelled)
    assert run(order).state == OrderState.CANCELLED
    assert not Version.objects.exists()
    assert LedgerEntry.objects.get(kind="leaf").state == EntryState.INTENDED


def forbid_names(authority: Authority) -> None:
    factories.profile_of("server", alt_names={"dns": ["*.example.test"]})


def forbid_keys(authority: Authority) -> None:
    factories.profile_of("server", key_types=["rsa2048"])


def disable(authority: Authority) -> None:
    update_authority(actor=SYSTEM, authority=authority, disabled=True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (forbid_names, "profile.san"),
        (forbid_keys, "profile.key_type"),
        (disable, "authority.disabled"),
    ],
)
def test_what_is_refused_by_now_fails_the_order_for_good(
    authority: Authority, change: Callable[[Authority], None], code: str
) -> None:
    _, order = place("app.internal")
    change(authority)
    failed = run(order)
    assert (failed.state, failed.error_code) == (OrderState.FAILED, code)
    assert not LedgerEntry.objects.filter(kind="leaf").exists()


def test_the_sweep_renews_and_asks_no_ca_when(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = issue("app.internal")
    version = current(certificate)
    third = (version.not_after - version.not_before) / 3
    assert certificate.renew_at is not None
    assert version.not_after - third <= certificate.renew_at < version.not_after
    assert certificate.renewal_poll_at is None
    monkeypatch.setattr(issuers, "renewal_windows", die)
    assert sweeps.poll_renewal_windows() == 0
    assert sweeps.renew_due() == 0
    Certificate.objects.update(renew_at=clock.now())
    assert sweeps.renew_due() == 1
    order = Order.objects.get(kind=OrderKind.RENEW)
    assert order.by_system
    assert current(done(order)).number == 2


def test_an_older_version_is_made_current_again_without_a_poll(authority: Authority) -> None:
    certificate = issue("app.internal")
    done(services.renew_certificate(actor=SYSTEM, certificate=certificate))
    services.activate_version(actor=SYSTEM, certificate=certificate, number=1)
    certificate.refresh_from_db()
    assert current(certificate).number == 1
    assert certificate.renewal_poll_at is None


def test_what_was_revoked_in_the_ledger_already_counts_as_done(authority: Authority) -> None:
    certificate = issue("app.internal")
    revoke_entry(actor=SYSTEM, entry=line(current(certificate)), reason="superseded")
    placed = services.revoke_certificate(actor=SYSTEM, certificate=certificate)
    assert done(placed).state == CertificateState.REVOKED
    assert Revocation.objects.get().reason == "superseded"


def test_a_compromised_key_is_not_signed_again(authority: Authority) -> None:
    certificate = issue("app.internal", csr=csr("app.internal"))
    placed = services.revoke_certificate(
        actor=SYSTEM, certificate=certificate, reason="keyCompromise"
    )
    done(placed)
    failed = run(services.renew_certificate(actor=SYSTEM, certificate=certificate))
    assert (failed.state, failed.error_code) == (OrderState.FAILED, "key.blocked")


def test_a_deleted_certificate_leaves_its_line_in_the_ledger(authority: Authority) -> None:
    certificate = issue("app.internal")
    entry = line(current(certificate))
    services.delete_certificate(actor=SYSTEM, certificate=certificate, force=True)
    assert revoke_entry(actor=SYSTEM, entry=entry).serial == entry.serial


def test_the_command_line_issues_from_an_authority(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("issue", "app.internal", "--ca", "internal", "--validity-days", "5")
    order = Order.objects.get()
    assert (order.authority, order.validity_days) == (authority, 5)
    assert "app.internal" in capsys.readouterr().out
    assert current(done(order)).names == ["app.internal"]


def test_revoking_the_line_of_the_ledger_revokes_the_certificate(authority: Authority) -> None:
    certificate = issue("app.internal")
    revoke_entry(actor=SYSTEM, entry=line(current(certificate)), reason="certificateHold")
    certificate.refresh_from_db()
    assert (certificate.state, certificate.renew_at) == (CertificateState.REVOKED, None)
    assert current(certificate).revocation_reason == "certificateHold"
    release_entry(actor=SYSTEM, entry=line(current(certificate)))
    certificate.refresh_from_db()
    assert certificate.state == CertificateState.ACTIVE
    assert certificate.renew_at is not None
