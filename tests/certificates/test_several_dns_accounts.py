"""One certificate whose names lie in zones of several DNS accounts."""

from collections.abc import Iterator
from typing import Any

import pytest
from guardian.shortcuts import assign_perm

from certificates.choices import OrderKind
from certificates.models import Order
from certificates.services import CertificateRequest, create_certificate, reissue_certificate
from certificates.services.placing import place_order
from certmate.access.actors import Actor
from certmate.core.errors import Conflict, InvalidRequest
from providers.models import DNSAccount
from providers.services import delete_dns_account
from tests import factories
from tests.caller import Caller
from tests.cast import Cast
from tests.certificates.conftest import World, run, world_of
from tests.servers.bind import Bind, bind
from tests.servers.pebble import pebble
from tests.ui.pages import page, queries, signed_in, text

SYSTEM = Actor.system()
NAMES = ["www.example.test", "*.other.test", "other.test"]
BY_NAME = {"www.example.test": "bind", "*.other.test": "second", "other.test": "second"}


@pytest.fixture(scope="module")
def two_servers() -> Iterator[tuple[Bind, Bind]]:
    with (
        bind(("other.test",)) as second,
        bind(("example.test",), forwards={"other.test": second.port}) as first,
    ):
        yield first, second


@pytest.fixture
def two_accounts(
    transactional_db: None, two_servers: tuple[Bind, Bind], settings: Any
) -> Iterator[World]:
    first, second = two_servers
    settings.CERTMATE_DNS_RESOLVERS = [first.address]
    settings.CERTMATE_DNS_PORT = first.port
    with pebble(dns=first.address) as ca:
        world = world_of(ca, first)
        factories.dns_account(
            "second", credentials=second.credentials(), zones=["other.test"], propagation_seconds=0
        )
        yield world


@pytest.mark.integration
def test_each_account_proves_the_names_of_its_zones(
    two_accounts: World, two_servers: tuple[Bind, Bind], cast: Cast
) -> None:
    certificate = two_accounts.issue(*NAMES)
    order = Order.objects.get()
    assert order.dns_account is None
    assert [(str(one), names) for one, names in order.dns_accounts] == [
        ("bind", ["www.example.test"]),
        ("second", ["*.other.test", "other.test"]),
    ]
    assert any("through bind and second." in line.message for line in order.log.all())
    assert [server.texts("_acme-challenge.other.test") for server in two_servers] == [[], []]

    with pytest.raises(Conflict) as caught:
        delete_dns_account(actor=SYSTEM, account=DNSAccount.objects.get(name="second"))
    assert caught.value.code == "account.in_use"

    shown = Caller(cast.owner).get(f"/api/orders/{order.pk}").json()
    assert (shown["dns"], shown["dns_by_name"]) == (None, BY_NAME)
    html = text(signed_in(cast.owner).get(page(order)))
    assert "(*.other.test, other.test)" in html

    DNSAccount.objects.filter(name="bind").update(zones=["example.test", "other.test"])
    DNSAccount.objects.filter(name="second").update(zones=["elsewhere.test"])
    renewed = run(place_order(certificate, OrderKind.RENEW, actor=SYSTEM))
    # The zones say anew who proves what: this one may not write the other zone.
    assert (str(renewed.dns_account), renewed.error_code) == ("bind", "acme.dns_zone")


def made(actor: Actor = SYSTEM, **request: Any) -> Order:
    wish = CertificateRequest(domain=NAMES[0], san_domains=NAMES[1:], **request)
    return create_certificate(actor=actor, request=wish)[1]


@pytest.fixture
def accounts(db: None) -> tuple[DNSAccount, DNSAccount]:
    factories.ca_account()
    return (
        factories.dns_account("bind", zones=["example.test"]),
        factories.dns_account("second", zones=["other.test"]),
    )


def test_who_may_use_only_one_of_the_accounts_cannot_have_the_other_used(
    accounts: tuple[DNSAccount, DNSAccount], cast: Cast
) -> None:
    for permission in ("certificates.add_certificate", "providers.view_caaccount"):
        assign_perm(permission, cast.outsider)
    assign_perm("storage.view_storagetarget", cast.outsider)
    assign_perm("providers.view_dnsaccount", cast.outsider, accounts[0])
    with pytest.raises(InvalidRequest) as caught:
        made(Actor.of(cast.outsider))
    assert caught.value.code == "dns.no_account"
    assert "*.other.test, other.test." in caught.value.detail
    assert "www.example.test" not in caught.value.detail
    assign_perm("providers.view_dnsaccount", cast.outsider, accounts[1])
    assert made(Actor.of(cast.outsider)).proofs.count() == 2


def test_an_account_that_is_named_is_for_all_names(
    accounts: tuple[DNSAccount, DNSAccount],
) -> None:
    order = made(dns="second")
    assert order.dns_accounts == [(accounts[1], NAMES)]
    assert (order.names_dns_account, order.proofs.count()) == (True, 0)


def test_a_reissue_by_zone_stays_by_zone(accounts: tuple[DNSAccount, DNSAccount]) -> None:
    order = made()
    assert order.certificate.dns_account is None
    Order.objects.update(state="failed")
    request = CertificateRequest(key_type="ec384")
    again = reissue_certificate(actor=SYSTEM, certificate=order.certificate, request=request)
    assert (again.names_dns_account, again.proofs.count()) == (False, 2)


def test_room_is_counted_for_each_account(accounts: tuple[DNSAccount, DNSAccount]) -> None:
    accounts[1].provider, accounts[1].credentials = "duckdns", {"api_token": "t"}
    accounts[1].save()
    with pytest.raises(InvalidRequest) as caught:
        made()
    assert (caught.value.code, caught.value.field) == ("dns.capacity", "dns")
    wish = CertificateRequest(
        domain="www.example.test", san_domains=["*.www.example.test", "other.test"]
    )
    assert create_certificate(actor=SYSTEM, request=wish)[1].proofs.count() == 2


def test_a_page_of_orders_takes_as_many_queries_as_one(
    accounts: tuple[DNSAccount, DNSAccount], cast: Cast
) -> None:
    client = Caller(cast.owner).client
    made()
    alone = queries(client, "/api/orders")
    for number in range(4):
        names = [f"n{number}.example.test", f"n{number}.other.test"]
        wish = CertificateRequest(domain=names[0], san_domains=names[1:])
        create_certificate(actor=SYSTEM, request=wish)
    assert queries(client, "/api/orders") == alone
