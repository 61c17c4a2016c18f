"""Certificates whose names lie at several DNS accounts, by real servers of several makes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from certmate.core.errors import LeaseLost, UpstreamRejected
from providers.acme import client
from providers.acme.account import AccountRef
from providers.acme.plan import IssueRequest, Publication, Share, plan_issue
from providers.dns.catalogue import CATALOGUE
from providers.dns.render import render
from tests.providers.acme.conftest import Recorder, names_of, new_account
from tests.servers.bind import Bind, bind
from tests.servers.pebble import Pebble, pebble
from tests.servers.powerdns import API_KEY, PowerDNS, powerdns

pytestmark = pytest.mark.integration

ANSWER = "_acme-challenge"
ALIAS = "alias.one.test"
DELEGATION = f"{ANSWER}.{ALIAS}. IN CNAME proof.two.test.\n"


@dataclass(frozen=True)
class Servers:
    """Three servers with a zone each; the first one is the resolver of the CA and of ours."""

    first: Bind
    second: Bind
    power: PowerDNS
    ca: Pebble

    def share(self, server: Bind | PowerDNS, *names: str, **credentials: str) -> Share:
        slug = "powerdns" if isinstance(server, PowerDNS) else "rfc2136"
        zones = server.dns.zones if isinstance(server, PowerDNS) else server.zones
        values = CATALOGUE[slug].validate(server.credentials() | credentials)
        # The others do not answer at the port of the first.
        proof = render(CATALOGUE[slug], values, 10 if server is self.first else 0)
        delegated = tuple(name for name in names if name == ALIAS)
        where = Publication(zones, delegated, (self.first.address,), self.first.port)
        return Share(f"at-{zones[0]}", names, proof, where)

    def left(self) -> list[str]:
        """What is published at this moment."""
        places = (
            *((self.first, f"{ANSWER}.one.test"), (self.second, f"{ANSWER}.two.test")),
            *((self.second, "proof.two.test"), (self.power.dns, f"{ANSWER}.three.test")),
        )
        return [text for server, name in places for text in server.texts(name)]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        second = stack.enter_context(bind(("two.test",)))
        power = stack.enter_context(powerdns("three.test"))
        forwards = {"two.test": second.port, "three.test": power.dns.port}
        extra = {"one.test": DELEGATION}
        first = stack.enter_context(bind(("one.test",), extra=extra, forwards=forwards))
        ca = stack.enter_context(pebble(dns=first.address))
        yield Servers(first, second, power, ca)


Order = Callable[[Sequence[Share], Recorder], client.IssuedChain]


@pytest.fixture
def account(servers: Servers) -> AccountRef:
    # One for each test: of what an account has proved Pebble takes one in a hundred for proved
    # again, even where it is told to take none.
    return new_account(servers.ca)


@pytest.fixture
def order(account: AccountRef, csr: Callable[..., str]) -> Order:
    def issue(shares: Sequence[Share], watch: Recorder) -> client.IssuedChain:
        names = [name for share in shares for name in share.names]
        request = IssueRequest(account, csr(*names), "dns-01", shares=tuple(shares))
        return client.issue(request, watch)

    return issue


def test_each_name_is_proved_by_its_own_account(
    servers: Servers, order: Order, scratch: Path
) -> None:
    watch = Recorder()
    shares = [
        servers.share(servers.first, "one.test", "*.one.test"),
        servers.share(servers.second, "two.test", ALIAS),
        servers.share(servers.power, "three.test"),
    ]
    issued = order(shares, watch)
    wanted = {"one.test", "*.one.test", "two.test", ALIAS, "three.test"}
    assert names_of(issued.cert) == {f"DNS:{name}" for name in wanted}
    assert f"at-two.test: {ANSWER}.{ALIAS} leads to proof.two.test." in watch.steps
    assert len(watch.orders) == 1
    assert servers.left() == []
    assert "adding an RR at '_acme-challenge.two.test' TXT" in servers.second.log()
    assert any(
        step.startswith("at-one.test: Waiting until each name server of one.test (1)")
        for step in watch.steps
    )
    assert not any("going on" in step for step in watch.steps)
    for secret in (servers.first.key_secret, servers.second.key_secret, API_KEY):
        assert secret not in watch.logged + repr(watch.steps)
    assert list(scratch.iterdir()) == []


def test_two_accounts_at_one_provider_keep_their_credentials_apart(
    servers: Servers, order: Order
) -> None:
    watch = Recorder()
    shares = [
        servers.share(servers.first, "one.test"),
        servers.share(servers.second, "two.test", tsig_secret=servers.first.key_secret),
    ]
    with pytest.raises(UpstreamRejected) as caught:
        order(shares, watch)
    assert caught.value.code == "acme.dns_credentials"
    assert "at-two.test:" in caught.value.detail
    assert "adding an RR at '_acme-challenge.one.test' TXT" in servers.first.log()
    assert servers.left() == []
    assert servers.first.key_secret not in watch.logged + caught.value.detail


def test_what_no_account_could_show_is_told_before_the_ca_is_asked(
    servers: Servers, order: Order
) -> None:
    watch = Recorder()
    where = Publication(("one.test",), ("two.test",), (servers.first.address,), servers.first.port)
    wrong = replace(servers.share(servers.first, "two.test"), publication=where)
    with pytest.raises(UpstreamRejected) as caught:
        order([servers.share(servers.power, "three.test"), wrong], watch)
    assert caught.value.code == "acme.dns_delegation"
    assert list(caught.value.identifiers) == ["two.test"]
    assert (watch.orders, servers.left()) == ([], [])


def test_an_account_whose_plugin_is_missing_is_named(servers: Servers, order: Order) -> None:
    share = servers.share(servers.second, "two.test")
    absent = replace(share.proof, authenticator="dns-nobody", package="certbot-dns-nobody")
    watch = Recorder()
    with pytest.raises(UpstreamRejected) as caught:
        order([servers.share(servers.first, "one.test"), replace(share, proof=absent)], watch)
    assert caught.value.code == "acme.plugin_missing"
    assert caught.value.detail.endswith("at-two.test: pip install certbot-dns-nobody")
    assert watch.orders == []


def test_an_order_that_is_taken_away_leaves_no_record(servers: Servers, order: Order) -> None:
    seen: list[str] = []

    class Cancelled(Recorder):
        def step(self, message: str) -> None:
            super().step(message)
            if message == "The CA is checking the proof":
                seen.extend(servers.left())
                raise LeaseLost("It was cancelled.", code="order.lease_lost")

    shares = [
        servers.share(servers.first, "one.test"),
        servers.share(servers.second, "two.test"),
    ]
    with pytest.raises(LeaseLost):
        order(shares, Cancelled())
    assert len(seen) == 2
    assert servers.left() == []


def test_a_share_needs_nothing_but_its_own_secrets(
    servers: Servers, account: AccountRef, csr: Any
) -> None:
    shares = (servers.share(servers.first, "one.test"), servers.share(servers.power, "three.test"))
    request = IssueRequest(account, csr("one.test", "three.test"), "dns-01", shares=shares)
    wanted = plan_issue(request)
    one, three = wanted["publishers"]
    assert (one["names"], three["names"]) == (["one.test"], ["three.test"])
    assert API_KEY not in repr(one)
    assert servers.first.key_secret not in repr(three)
    assert account.key_pem not in repr((one, three))
    assert {servers.first.key_secret, API_KEY} <= set(wanted["secrets"])
