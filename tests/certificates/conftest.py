from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from certificates import execution
from certificates.models import Certificate, Order
from certificates.services import CertificateRequest, create_certificate
from certmate.access.actors import Actor
from providers.models import CAAccount, DNSAccount
from storage.models import StorageTarget
from tests import factories
from tests.servers.bind import Bind, bind
from tests.servers.pebble import Pebble, pebble


@pytest.fixture(scope="session")
def dns_server() -> Iterator[Bind]:
    with bind(["example.test", "example.net", "blocked.test"]) as server:
        yield server


@pytest.fixture(scope="session")
def ca_server(dns_server: Bind) -> Iterator[Pebble]:
    with pebble(dns=dns_server.address, blocklist=["blocked.test"]) as server:
        yield server


@dataclass
class World:
    """Accounts at the real servers, and a short way to order something."""

    ca: Pebble
    account: CAAccount
    dns: DNSAccount | None
    target: StorageTarget

    def order(self, *names: str, **options: Any) -> tuple[Certificate, Order]:
        """Order a certificate without carrying it out."""
        request = CertificateRequest(
            domain=names[0], san_domains=names[1:], ca=self.account.name, **options
        )
        return create_certificate(
            actor=Actor.system(), request=request, storage_name=self.target.name
        )

    def issue(self, *names: str, **options: Any) -> Certificate:
        """Order and carry out; the certificate as it then is."""
        certificate, order = self.order(*names, **options)
        finished = run(order)
        assert finished.state == "succeeded", finished.error_detail
        return Certificate.objects.get(pk=certificate.pk)


def run(order: Order) -> Order:
    """Carry out the order here; the order as it then is."""
    execution.run_order(order.pk)
    return Order.objects.get(pk=order.pk)


def world_of(ca: Pebble, dns: Bind | None, **account: object) -> World:
    """Accounts for these servers, and storage in the database."""
    return World(
        ca=ca,
        account=factories.ca_account(
            "pebble", directory_url=ca.directory_url, trust_bundle=ca.trust_pem, **account
        ),
        dns=factories.dns_account(
            "bind", credentials=dns.credentials(), zones=list(dns.zones), propagation_seconds=1
        )
        if dns
        else None,
        target=factories.storage_target("kept", backend="database"),
    )


@pytest.fixture
def world(transactional_db: None, ca_server: Pebble, dns_server: Bind) -> World:
    return world_of(ca_server, dns_server)
