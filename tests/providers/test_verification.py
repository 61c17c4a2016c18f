"""Accounts tried now: with a real name server, and a real CA that wants a binding."""

from collections.abc import Iterator
from typing import Any

import pytest

from certmate.access.actors import Actor
from certmate.core.errors import CertMateError, InvalidRequest
from providers.models import CAAccount, DNSAccount
from providers.services import (
    create_ca_account,
    create_dns_account,
    update_dns_account,
    verify_ca_account,
    verify_dns_account,
)
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.servers.bind import Bind, bind
from tests.servers.deaf import deaf_server
from tests.servers.pebble import Pebble, pebble

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

DELEGATED = "_acme-challenge IN CNAME proofs.acme.example.net.\n"
STALE = "@ IN NS stale\nstale IN A 127.0.0.2\n"
EAB = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")


@pytest.fixture(scope="module")
def server() -> Iterator[Bind]:
    extra = {"example.org": DELEGATED, "stale.test": STALE}
    zones = ("example.test", "example.org", "acme.example.net", "stale.test")
    with bind(zones, extra=extra) as running:
        yield running


@pytest.fixture(autouse=True)
def _resolve_there(server: Bind, settings: Any) -> None:
    settings.CERTMATE_DNS_RESOLVERS = [server.address]
    settings.CERTMATE_DNS_PORT = server.port


def account(server: Bind, *zones: str, **given: Any) -> DNSAccount:
    values: dict[str, Any] = {"credentials": server.credentials(), "propagation_seconds": 5}
    return create_dns_account(
        actor=Actor.system(), name="dns", provider="rfc2136", zones=zones, **values | given
    )


def failure(of: DNSAccount, **given: Any) -> CertMateError:
    with pytest.raises(CertMateError) as caught:
        verify_dns_account(actor=Actor.system(), account=of, **given)
    return caught.value


def test_a_record_is_written_seen_and_removed(server: Bind) -> None:
    tried = verify_dns_account(actor=Actor.system(), account=account(server, "example.test"))
    assert tried.verified_at is not None
    assert tried.verification_error == ""
    updates = [line for line in server.log().splitlines() if "updating zone 'example.test" in line]
    assert any("adding an RR" in line and "certmate-" in line for line in updates)
    assert any("deleting an RR" in line and "certmate-" in line for line in updates)


def test_writing_that_fails_says_so_and_is_kept(server: Bind) -> None:
    wrong = server.credentials() | {"tsig_secret": "d3Jvbmcgc2VjcmV0"}
    mine = account(server, "example.test", credentials=wrong)
    assert failure(mine).code == "acme.dns_credentials"
    kept = DNSAccount.objects.get()
    assert kept.verification_error.startswith("acme.dns_credentials: ")
    assert "d3Jvbmcgc2VjcmV0" not in kept.verification_error
    mended = update_dns_account(
        actor=Actor.system(), account=kept, credentials=server.credentials()
    )
    assert mended.verification_error == ""


def test_a_name_server_that_does_not_serve_it_is_named(server: Bind) -> None:
    with deaf_server("127.0.0.2", server.port):
        error = failure(account(server, "stale.test", propagation_seconds=1))
    assert (error.code, error.retryable) == ("acme.dns_not_served", True)
    assert "127.0.0.2" in error.detail
    assert "127.0.0.1" not in error.detail


def test_a_delegated_challenge_is_found_by_its_cname(server: Bind) -> None:
    mine = account(server, "acme.example.net", delegated_zones=["example.org"])
    assert mine.served == ["acme.example.net", "example.org"]
    verify_dns_account(actor=Actor.system(), account=mine)
    # The random name below the other one has no CNAME.
    error = failure(mine, zone="example.org")
    assert error.code == "acme.dns_delegation"
    assert "CNAME" in error.detail


def test_a_zone_is_needed(server: Bind) -> None:
    mine = account(server)
    error = failure(mine)
    assert isinstance(error, InvalidRequest)
    assert (error.code, error.field) == ("dns.zone_needed", "zone")
    assert verify_dns_account(actor=Actor.system(), account=mine, zone="example.test").verified_at


def test_the_api_says_what_failed(server: Bind, cast: Cast) -> None:
    account(server, "nowhere.test")
    answer = Caller(cast.owner).post("/api/dns-accounts/dns/verify")
    problem(answer, 422, "acme.dns_zone")
    shown = Caller(cast.owner).get("/api/dns-accounts/dns").json()
    assert shown["verification_error"].startswith("acme.dns_zone: ")


@pytest.fixture(scope="module")
def ca() -> Iterator[Pebble]:
    with pebble(eab={EAB[0]: EAB[1]}, always_valid=True) as running:
        yield running


def ca_account(ca: Pebble, hmac_key: str) -> CAAccount:
    return create_ca_account(
        actor=Actor.system(),
        name="bound",
        provider="acme",
        directory_url=ca.directory_url,
        trust_bundle=ca.trust_pem,
        eab_kid=EAB[0],
        eab_hmac_key=hmac_key,
    )


def test_a_binding_is_tried_at_registration_and_used_once(ca: Pebble) -> None:
    registered = verify_ca_account(actor=Actor.system(), account=ca_account(ca, EAB[1]))
    assert registered.account_uri.startswith("https://")
    assert registered.eab == {"kid": EAB[0]}
    # A second time it is found by its key.
    again = verify_ca_account(actor=Actor.system(), account=registered)
    assert again.account_uri == registered.account_uri


def test_a_wrong_binding_is_told_at_once(ca: Pebble) -> None:
    with pytest.raises(CertMateError) as caught:
        verify_ca_account(actor=Actor.system(), account=ca_account(ca, "d3Jvbmc"))
    assert caught.value.code == "acme.bad_eab"
    assert CAAccount.objects.get().account_uri == ""
