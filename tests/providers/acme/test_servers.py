"""Certificates through real DNS servers of other makes, and through other people's zones."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from certmate.core.errors import UpstreamRejected
from providers.acme import client
from providers.acme.account import AccountRef
from providers.acme.plan import IssueRequest, Publication
from providers.dns.catalogue import CATALOGUE
from providers.dns.render import Rendered, render
from tests.providers.acme.conftest import Recorder, names_of, new_account
from tests.servers.acmedns import PASSWORD, AcmeDNS, acme_dns
from tests.servers.bind import Bind, bind
from tests.servers.knot import knot
from tests.servers.pebble import pebble
from tests.servers.powerdns import API_KEY, powerdns

pytestmark = pytest.mark.integration

APEX_AND_WILDCARD = ("example.test", "*.example.test")
Issue = Callable[..., Recorder]


def proof_of(slug: str, credentials: dict[str, str], wait: int = 0) -> Rendered:
    return render(CATALOGUE[slug], CATALOGUE[slug].validate(credentials), wait)


@pytest.fixture
def issue(csr: Callable[..., str]) -> Issue:
    """Issues through a CA that asks this name server; the watch that saw it."""

    def made(server: str, proof: Rendered, *names: str, **publication: Any) -> Recorder:
        watch = Recorder()
        with pebble(dns=server) as ca:
            account: AccountRef = new_account(ca)
            request = IssueRequest(account, csr(*names), "dns-01", proof)
            where = Publication(resolvers=(server,), **publication)
            issued = client.issue(replace(request, publication=where), watch)
        assert names_of(issued.cert) == {f"DNS:{name}" for name in names}
        return watch

    return made


def test_knot(issue: Issue) -> None:
    with knot() as server:
        proof = proof_of("rfc2136", server.credentials(), 10)
        watch = issue(server.address, proof, *APEX_AND_WILDCARD, port=server.port)
        assert server.texts("_acme-challenge.example.test") == []
    assert any("each name server of example.test" in step for step in watch.steps)
    assert not any("going on" in step for step in watch.steps)


def test_powerdns_by_the_multi_provider_plugin(issue: Issue) -> None:
    with powerdns() as server:
        proof = proof_of("powerdns", server.credentials(), 10)
        watch = issue(server.dns.address, proof, *APEX_AND_WILDCARD, port=server.dns.port)
        assert server.dns.texts("_acme-challenge.example.test") == []
    assert API_KEY not in watch.logged


def test_powerdns_refusing_the_key_says_so(csr: Callable[..., str]) -> None:
    with powerdns() as server, pebble(dns=server.dns.address) as ca:
        wrong = server.credentials() | {"api_key": "a-key-that-is-wrong"}
        proof = proof_of("powerdns", wrong)
        request = IssueRequest(
            new_account(ca),
            csr("example.test"),
            "dns-01",
            proof,
            publication=Publication(resolvers=(server.dns.address,)),
        )
        watch = Recorder()
        with pytest.raises(UpstreamRejected) as caught:
            client.issue(request, watch)
    assert caught.value.code == "acme.dns_credentials"
    assert "a-key-that-is-wrong" not in caught.value.detail + watch.logged


@pytest.fixture
def registration() -> Iterator[AcmeDNS]:
    with acme_dns() as server:
        yield server


def test_acme_dns(registration: AcmeDNS, issue: Issue) -> None:
    proof = proof_of("acme-dns", registration.credentials())
    watch = issue(registration.address, proof, *APEX_AND_WILDCARD)
    assert len(registration.values) == 2
    assert PASSWORD not in watch.logged
    assert f"_acme-challenge.example.test leads to {registration.fulldomain}." in watch.steps


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("elsewhere.test",), "acme.dns_delegation"),
        (("a.example.test", "b.example.test", "c.example.test"), "acme.dns_capacity"),
    ],
)
def test_what_cannot_be_proved_is_told_before_the_ca_is_asked(
    registration: AcmeDNS,
    account: AccountRef,
    csr: Callable[..., str],
    names: tuple[str, ...],
    code: str,
) -> None:
    request = IssueRequest(
        account,
        csr(*names),
        "dns-01",
        proof_of("acme-dns", registration.credentials()),
        publication=Publication(resolvers=(registration.address,)),
    )
    watch = Recorder()
    with pytest.raises(UpstreamRejected) as caught:
        client.issue(request, watch)
    assert caught.value.code == code
    assert watch.orders == []
    if code == "acme.dns_delegation":
        missing = f"_acme-challenge.elsewhere.test CNAME {registration.fulldomain}"
        assert missing in caught.value.detail


@pytest.fixture
def two_zones(tmp_path: Path) -> Iterator[Bind]:
    """The name's own zone, which leads to one that the DNS account may write."""
    leads = "_acme-challenge IN CNAME www.proofs.example.net.\n"
    zones = ("example.org", "proofs.example.net")
    with bind(zones, extra={"example.org": leads}, is_resolver=True) as server:
        yield server


def test_a_delegated_challenge_across_two_zones(two_zones: Bind, issue: Issue) -> None:
    proof = proof_of("rfc2136", two_zones.credentials(), 10)
    issue(
        two_zones.address,
        proof,
        "example.org",
        "*.example.org",
        zones=("proofs.example.net",),
        delegated=("example.org",),
        port=two_zones.port,
    )
    updates = [line for line in two_zones.log().splitlines() if "updating zone" in line]
    assert updates
    assert all("zone 'proofs.example.net/IN'" in line for line in updates)
    assert two_zones.texts("www.proofs.example.net") == []
