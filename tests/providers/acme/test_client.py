"""Certificates from a real CA, with control proved through a real DNS or web server."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from certmate.core.errors import InvalidRequest, UpstreamRejected, UpstreamUnavailable
from providers.acme import client
from providers.acme.account import AccountRef
from providers.acme.plan import IssueRequest
from providers.dns.render import Rendered
from tests.providers.acme.conftest import Recorder, names_of, new_account
from tests.servers import authority
from tests.servers.acme_proxy import AcmeProxy, problem
from tests.servers.bind import Bind
from tests.servers.http01 import Answers
from tests.servers.pebble import Pebble, pebble

pytestmark = pytest.mark.integration

Wanted = Callable[..., IssueRequest]


def test_a_wildcard_its_apex_and_another_name_are_issued_through_dns(
    ca: Pebble, dns_server: Bind, wanted: Wanted, tmp_path: Path
) -> None:
    watch = Recorder()
    issued = client.issue(wanted("example.test", "*.example.test", "www.other.test"), watch)
    assert names_of(issued.cert) == {"DNS:example.test", "DNS:*.example.test", "DNS:www.other.test"}
    root, chain = tmp_path / "root.pem", tmp_path / "chain.pem"
    root.write_text(ca.root())
    chain.write_text(issued.chain)
    verified = authority.openssl(
        "verify", "-CAfile", str(root), "-untrusted", str(chain), stdin=issued.cert
    )
    assert verified == "stdin: OK\n"
    assert dns_server.texts("_acme-challenge.example.test") == []
    assert dns_server.texts("_acme-challenge.www.other.test") == []
    assert len(watch.orders) == 1
    assert watch.steps == [
        "Asking the CA for a certificate",
        "Publishing the proof of control of 3 names",
        "The CA is checking the proof",
        "The CA is issuing the certificate",
    ]


def test_the_certificate_is_for_the_key_of_the_request(wanted: Wanted) -> None:
    request = wanted("rsa.example.test", kind="rsa2048")
    issued = client.issue(request, Recorder())
    in_csr = authority.openssl("req", "-noout", "-pubkey", stdin=request.csr_pem)
    assert authority.openssl("x509", "-noout", "-pubkey", stdin=issued.cert) == in_csr
    assert issued.cert.count("BEGIN CERTIFICATE") == 1
    assert issued.chain.count("BEGIN CERTIFICATE") >= 1


def test_names_and_an_address_are_issued_over_http(
    account: AccountRef, csr: Callable[..., str], answers: Answers
) -> None:
    request = IssueRequest(account, csr("www.example.test", "127.0.0.1"), "http-01")
    issued = client.issue(request, Recorder(answers))
    assert names_of(issued.cert) == {"DNS:www.example.test", "IP Address:127.0.0.1"}
    assert answers.by_token == {}


def test_an_answer_that_is_not_served_names_the_name_and_is_permanent(
    account: AccountRef, csr: Callable[..., str], answers: Answers
) -> None:
    class Forgetful(Recorder):
        def present(self, token: str, key_authorization: str) -> None:
            self.answers.by_token[token] = "something else"  # type: ignore[union-attr]

    with pytest.raises(UpstreamRejected) as caught:
        client.issue(IssueRequest(account, csr("www.example.test"), "http-01"), Forgetful(answers))
    assert caught.value.code == "acme.unauthorized"
    assert list(caught.value.identifiers) == ["www.example.test"]
    assert "www.example.test" in caught.value.detail
    assert answers.by_token == {}


def test_a_wildcard_cannot_be_proved_over_http(
    account: AccountRef, csr: Callable[..., str], answers: Answers
) -> None:
    with pytest.raises(UpstreamRejected) as caught:
        client.issue(IssueRequest(account, csr("*.example.test"), "http-01"), Recorder(answers))
    assert caught.value.code == "acme.challenge_unsupported"


def test_one_registration_serves_every_certificate(
    ca: Pebble, proxy: AcmeProxy, wanted: Wanted
) -> None:
    fresh = AccountRef(proxy.directory_url, authority.private_key(), "", ca.trust_pem)
    registered = replace(fresh, uri=client.register(fresh).uri)
    for name in ("a.example.test", "b.example.test"):
        client.issue(wanted(name, account=registered), Recorder())
    assert proxy.count("POST", "/sign-me-up") == 1
    assert proxy.count("POST", "/order-plz") == 2


def test_registering_the_same_key_again_gives_the_same_account(
    ca: Pebble, account: AccountRef
) -> None:
    before = ca.registered()
    again = client.register(replace(account, uri=""), email="ops@example.test")
    assert again.uri == account.uri
    assert ca.registered() == before


def test_an_rsa_account_key_signs_as_well(ca: Pebble, wanted: Wanted) -> None:
    fresh = AccountRef(ca.directory_url, authority.private_key("rsa2048"), "", ca.trust_pem)
    registered = replace(fresh, uri=client.register(fresh).uri)
    assert client.issue(wanted("rsa-account.example.test", account=registered), Recorder()).cert


def test_a_ca_that_rejects_a_fifth_of_all_nonces_is_no_obstacle(
    dns_server: Bind, wanted: Wanted
) -> None:
    with pebble(dns=dns_server.address, nonce_reject=20) as picky:
        account = new_account(picky)
        for name in ("a.example.test", "b.example.test"):
            assert client.issue(wanted(name, account=account), Recorder()).cert


def test_a_nonce_may_be_rejected_several_times_in_a_row_but_not_for_ever(
    proxy: AcmeProxy, proxied: AccountRef, wanted: Wanted
) -> None:
    rejections = [problem("badNonce", "stale", status=400)] * (7 + 8)
    proxy.before = lambda method, path: (
        rejections.pop() if path == "/order-plz" and rejections else None
    )
    request = wanted("nonce.example.test", account=proxied)
    with pytest.raises(UpstreamUnavailable) as caught:
        client.issue(request, Recorder())
    assert caught.value.code == "acme.server_error"
    assert proxy.count("POST", "/order-plz") == 8
    assert client.issue(request, Recorder()).cert
    assert proxy.count("POST", "/order-plz") == 8 + 8


def test_external_account_binding(dns_server: Bind, wanted: Wanted) -> None:
    hmac_key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    with pebble(dns=dns_server.address, eab={"kid-1": hmac_key}) as strict:
        fresh = AccountRef(strict.directory_url, authority.private_key(), "", strict.trust_pem)
        refused = [("", ""), ("kid-1", hmac_key[:-4] + "AAAA"), ("kid-2", hmac_key), ("kid-1", "é")]
        for kid, key in refused:
            with pytest.raises(UpstreamRejected) as caught:
                client.register(fresh, eab_kid=kid, eab_hmac_key=key)
            assert caught.value.code == "acme.bad_eab", (kid, key)
            assert hmac_key not in caught.value.detail
        assert strict.registered() == 0
        account = new_account(strict, eab=("kid-1", hmac_key))
        assert client.issue(wanted("eab.example.test", account=account), Recorder()).cert


def test_an_account_that_the_ca_has_forgotten_is_told_apart(
    account: AccountRef, wanted: Wanted
) -> None:
    stranger = replace(account, uri=account.uri[:-4] + "0000")
    with pytest.raises(UpstreamRejected) as caught:
        client.issue(wanted("example.test", account=stranger), Recorder())
    assert caught.value.code == "acme.account_missing"


def test_a_name_that_the_ca_does_not_issue_for_is_named(dns_server: Bind, wanted: Wanted) -> None:
    with pebble(dns=dns_server.address, blocklist=["blocked.example.test"]) as policy:
        request = wanted("blocked.example.test", account=new_account(policy))
        with pytest.raises(UpstreamRejected) as caught:
            client.issue(request, Recorder())
    assert caught.value.code == "acme.rejected_identifier"
    assert "blocked.example.test" in caught.value.detail


def test_a_revocation_reaches_the_ca_with_its_reason_and_counts_once(
    ca: Pebble, account: AccountRef, wanted: Wanted
) -> None:
    issued = client.issue(wanted("revoked.example.test"), Recorder())
    serial = (
        authority.openssl("x509", "-noout", "-serial", stdin=issued.cert).strip().partition("=")[2]
    )
    with pytest.raises(UpstreamRejected) as caught:
        client.revoke(new_account(ca), cert_pem=issued.cert)
    assert caught.value.code == "acme.revoke_refused"
    assert client.revoke(account, cert_pem=issued.cert, reason="superseded") is True
    assert client.revoke(account, cert_pem=issued.cert, reason="superseded") is False
    status = ca.status(serial.lower())
    assert (status["Status"], status["Reason"]) == ("Revoked", 4)


def test_the_workers_own_credentials_are_taken_only_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:role")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not asked for")
    monkeypatch.setenv("HOME", "/home/worker")
    monkeypatch.delenv("AWS_CONFIG_FILE", raising=False)
    assert client._ambient(("AWS_ROLE_ARN", "AWS_PROFILE", "AWS_CONFIG_FILE")) == {
        "AWS_ROLE_ARN": "arn:role",
        "AWS_CONFIG_FILE": "/home/worker/.aws/config",
    }
    assert client._ambient(()) == {}


@pytest.mark.parametrize("reason", ["7", "removeFromCRL", "nonsense", ""])
def test_an_unknown_revocation_reason_is_refused(reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.reason_number(reason)
    assert (caught.value.code, caught.value.field) == ("revocation.reason", "reason")


def test_reasons_have_the_numbers_of_the_standard() -> None:
    assert client.reason_number("keyCompromise") == 1
    assert client.reason_number("privilegeWithdrawn") == 9


def test_no_secret_is_printed_or_left_behind(
    proof: Rendered, wanted: Wanted, account: AccountRef
) -> None:
    watch = Recorder()
    request = wanted("quiet.example.test")
    client.issue(request, watch)
    assert "Successfully received certificate" in watch.logged
    for secret in (*proof.secrets, account.key_pem.splitlines()[1]):
        assert secret not in watch.logged
        assert secret not in repr(request)
