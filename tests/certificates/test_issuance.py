"""Certificates from a real CA, proved at real servers; openssl is the referee of what was
stored.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from certificates import execution, services, sweeps
from certificates.models import Certificate, Order, OrderKey, Version
from certificates.services import CertificateRequest
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.pki import csr as pki_csr
from certmate.pki.bundle import Bundle
from certmate.pki.keys import KeyType, generate
from certmate.pki.names import parse_name
from tests.certificates.conftest import World, run, world_of
from tests.servers.bind import Bind
from tests.servers.pebble import pebble

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
SYSTEM = Actor.system()


def bundle_of(certificate: Certificate) -> Bundle:
    return services.load_bundle(actor=SYSTEM, certificate=certificate, include_private=True)


def openssl(*arguments: str, given: str = "") -> str:
    return subprocess.run(
        ["openssl", *arguments], input=given, capture_output=True, text=True, check=True
    ).stdout


def assert_good(certificate: Certificate, world: World, folder: Path, hostname: str) -> None:
    """The chain leads to the CA's root for that host, and the stored key fits."""
    bundle = bundle_of(certificate)
    for name, pem in (("root", world.ca.root()), ("chain", bundle.chain), ("cert", bundle.cert)):
        (folder / name).write_text(pem)
    trust = ["-CAfile", str(folder / "root"), "-untrusted", str(folder / "chain")]
    openssl("verify", *trust, "-verify_hostname", hostname, str(folder / "cert"))
    assert bundle.privkey
    public = openssl("x509", "-noout", "-pubkey", given=bundle.cert)
    assert public == openssl("pkey", "-pubout", given=bundle.privkey)


def test_dns01_proves_a_wildcard_its_apex_and_a_name_of_another_zone(
    world: World, tmp_path: Path
) -> None:
    certificate = world.issue("*.example.test", "example.test", "www.example.net")
    assert_good(certificate, world, tmp_path, "anything.example.test")
    version = certificate.current_version
    assert version
    assert set(version.names) == {"*.example.test", "example.test", "www.example.net"}
    assert certificate.renew_at
    assert version.not_before < certificate.renew_at < version.not_after
    assert not OrderKey.objects.exists()


@pytest.mark.parametrize("key_type", ["rsa2048", "rsa3072", "ec384"])
def test_the_key_is_of_the_type_that_was_asked_for(
    world: World, tmp_path: Path, key_type: str
) -> None:
    certificate = world.issue("key.example.test", key_type=key_type)
    assert_good(certificate, world, tmp_path, "key.example.test")
    text = openssl("x509", "-noout", "-text", given=bundle_of(certificate).cert)
    expected = {"rsa2048": "(2048 bit)", "rsa3072": "(3072 bit)", "ec384": "(384 bit)"}
    assert expected[key_type] in text


def test_http01_is_answered_by_the_application_from_the_database(
    live_server: Any, dns_server: Bind, tmp_path: Path
) -> None:
    with pebble(dns=dns_server.address, http_port=live_server.thread.port) as ca:
        world = world_of(ca, None)
        certificate = world.issue("one.example.test", "two.example.test", challenge_type="http-01")
        assert_good(certificate, world, tmp_path, "two.example.test")


def test_an_ip_address_is_proved_by_http01(
    live_server: Any, dns_server: Bind, tmp_path: Path
) -> None:
    with pebble(dns=dns_server.address, http_port=live_server.thread.port) as ca:
        certificate = world_of(ca, None).issue("127.0.0.1", challenge_type="http-01")
    text = openssl("x509", "-noout", "-ext", "subjectAltName", given=bundle_of(certificate).cert)
    assert "IP Address:127.0.0.1" in text


def test_external_account_binding_is_used_once_for_the_registration(dns_server: Bind) -> None:
    key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    with pebble(dns=dns_server.address, eab={"kid-1": key}) as ca:
        world = world_of(ca, dns_server, eab={"kid": "kid-1", "hmac_key": key})
        world.issue("eab1.example.test")
        world.issue("eab2.example.test")
        assert ca.registered() == 1


@pytest.mark.parametrize("eab", [{}, {"kid": "kid-1", "hmac_key": "d3Jvbmc"}])
def test_a_missing_or_wrong_binding_fails_for_good_and_says_so(
    dns_server: Bind, eab: dict[str, str]
) -> None:
    key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    with pebble(dns=dns_server.address, eab={"kid-1": key}) as ca:
        _, order = world_of(ca, dns_server, eab=eab).order("eab.example.test")
        failed = run(order)
    assert (failed.state, failed.error_code) == ("failed", "acme.bad_eab")


def test_twenty_certificates_register_one_account(dns_server: Bind) -> None:
    with pebble(dns=dns_server.address, nonce_reject=20) as ca:
        world = world_of(ca, dns_server)
        orders = [world.order(f"n{number}.example.test")[1] for number in range(20)]
        with ThreadPoolExecutor(8) as pool:
            states = list(pool.map(run_in_thread, orders))
        assert states == ["succeeded"] * 20
        assert (ca.registered(), ca.issued()) == (1, 20)


def run_in_thread(order: Order) -> str:
    try:
        return run(order).state
    finally:
        connection.close()


def test_renewal_makes_a_new_version_with_a_new_key(world: World, tmp_path: Path) -> None:
    certificate = world.issue("renew.example.test")
    first = certificate.current_version
    Certificate.objects.filter(pk=certificate.pk).update(renew_at=clock.now())
    assert sweeps.renew_due() == 1
    assert sweeps.renew_due() == 0, "a renewal that is under way is not placed twice"
    assert run(Order.objects.open().get()).state == "succeeded"
    certificate.refresh_from_db()
    second = certificate.current_version
    assert first
    assert second
    assert (first.number, second.number) == (1, 2)
    assert first.public_key_hash != second.public_key_hash
    assert_good(certificate, world, tmp_path, "renew.example.test")


def test_reissue_changes_names_only_when_the_ca_has_issued(world: World) -> None:
    certificate = world.issue("old.example.test")
    request = CertificateRequest(domain="www.blocked.test")
    order = services.reissue_certificate(actor=SYSTEM, certificate=certificate, request=request)
    failed = run(order)
    assert (failed.state, failed.error_code) == ("failed", "acme.rejected_identifier")
    certificate.refresh_from_db()
    assert certificate.names == ["old.example.test"]
    request = CertificateRequest(
        domain="new.example.test", san_domains=["*.new.example.test"], key_type="rsa2048"
    )
    order = services.reissue_certificate(actor=SYSTEM, certificate=certificate, request=request)
    assert run(order).state == "succeeded"
    certificate.refresh_from_db()
    assert (certificate.names, certificate.key_type) == (
        ["new.example.test", "*.new.example.test"],
        "rsa2048",
    )


def test_an_older_version_can_be_made_current_again(world: World, tmp_path: Path) -> None:
    certificate = world.issue("back.example.test")
    run(services.renew_certificate(actor=SYSTEM, certificate=certificate))
    certificate.refresh_from_db()
    services.activate_version(actor=SYSTEM, certificate=certificate, number=1)
    certificate.refresh_from_db()
    assert certificate.current_version
    assert certificate.current_version.number == 1
    assert bundle_of(certificate).cert == certificate.current_version.cert
    assert_good(certificate, world, tmp_path, "back.example.test")


def test_revocation_reaches_the_ca_with_its_reason(world: World) -> None:
    certificate = world.issue("gone.example.test")
    order = services.revoke_certificate(
        actor=SYSTEM, certificate=certificate, reason="keyCompromise"
    )
    assert run(order).state == "succeeded"
    version = Version.objects.get(certificate=certificate)
    certificate.refresh_from_db()
    assert (certificate.state, version.revocation_reason) == ("revoked", "keyCompromise")
    status = world.ca.status(version.serial)
    assert (status["Status"], status["Reason"]) == ("Revoked", 1)


def test_a_certificate_that_the_ca_knows_as_revoked_already_ends_well(world: World) -> None:
    certificate = world.issue("twice.example.test")
    run(services.revoke_certificate(actor=SYSTEM, certificate=certificate))
    Version.objects.update(revoked_at=None)
    certificate.refresh_from_db()
    assert (
        run(services.revoke_certificate(actor=SYSTEM, certificate=certificate)).state == "succeeded"
    )


def test_a_csr_that_was_brought_leaves_no_private_key_here(world: World) -> None:
    private_key = generate(KeyType.EC256)
    request = pki_csr.build(private_key, [parse_name("own.example.test")])
    certificate = world.issue("own.example.test", csr=request)
    version = certificate.current_version
    assert version
    assert not version.has_private_key
    bundle = services.load_bundle(actor=SYSTEM, certificate=certificate, include_private=False)
    assert openssl("x509", "-noout", "-pubkey", given=bundle.cert) == openssl(
        "pkey", "-pubout", given=private_key
    )


def test_of_three_names_the_one_that_failed_is_named(world: World) -> None:
    """The zone of the third is served by BIND but not by the account's key, as a wrong delegation
    would be.
    """
    _, order = world.order("a.example.test", "b.example.test", "c.example.org", dns="bind")
    failed = run(order)
    assert "c.example.org" in f"{failed.error_identifiers} {failed.error_detail}"
    assert "a.example.test" not in failed.error_identifiers
    assert failed.error_code.startswith(("acme.", "dns."))


def test_an_order_waits_while_the_ca_is_down_and_succeeds_when_it_is_back(dns_server: Bind) -> None:
    with pebble(dns=dns_server.address) as ca:
        world = world_of(ca, dns_server)
        world.issue("before.example.test")
    certificate, order = world.order("during.example.test")
    waiting = run(order)
    assert (waiting.state, waiting.error_code) == ("waiting", "acme.unreachable")
    assert timedelta(0) < waiting.next_attempt_at - clock.now() <= timedelta(seconds=66)
    assert run(order).state == "waiting", "it is not its time yet"
    with pebble(dns=dns_server.address, port=ca.port) as again:
        # It came back without memory and with another root: the account is registered anew.
        type(world.account).objects.update(trust_bundle=again.trust_pem)
        Order.objects.update(next_attempt_at=clock.now())
        assert run(order).state == "succeeded"
        assert (again.registered(), again.issued()) == (1, 1)
    certificate.refresh_from_db()
    assert certificate.state == "active"


def test_the_same_message_five_times_issues_once(world: World) -> None:
    _, order = world.order("five.example.test")
    before = world.ca.issued()
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(run_in_thread, [order] * 5))
    assert world.ca.issued() - before == 1
    assert Version.objects.count() == 1
    execution.run_order(order.pk)
    assert Version.objects.count() == 1
