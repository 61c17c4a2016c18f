"""A vault that goes away in the middle of a renewal, and comes back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import requests

from certificates import services as certificates
from certificates.choices import OrderState
from certificates.models import Certificate, Order, Version
from certificates.services import CertificateRequest
from certmate.access.actors import Actor
from certmate.core import clock
from providers.models import LedgerEntry
from storage import services
from storage.backends.base import BundleRef
from tests import factories
from tests.certificates.conftest import run
from tests.servers.openbao import VaultWorld
from tests.servers.standin import Reply, Request, serving

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system()
REF = BundleRef("server", "app.internal")


@dataclass
class Gate:
    """What stands between CertMate and the vault. Closed, it fails each write."""

    behind: str
    is_open: bool = True

    def answer(self, request: Request) -> Reply:
        if not self.is_open and request.method in ("POST", "PUT"):
            return Reply(503, {"errors": ["closed"]})
        headers = {k: v for k, v in request.headers.items() if k.lower().startswith("x-vault")}
        answer = requests.request(
            request.method, self.behind + request.target, data=request.body, headers=headers
        )
        return Reply(answer.status_code, json.loads(answer.content) if answer.content else None)


@contextmanager
def gate(world: VaultWorld) -> Iterator[tuple[Gate, str]]:
    made = Gate(world.bao.address)
    with serving(made.answer) as address:
        yield made, address


def test_an_outage_in_the_middle_of_a_renewal_leaves_the_old_and_asks_nobody_twice(
    vault_server: VaultWorld,
) -> None:
    with gate(vault_server) as (vault, address):
        given = {"url": address, "token": vault_server.bao.token, "path": "certmate/outage"}
        target = services.create_target(
            actor=SYSTEM, name="vault", backend="vault", parameters=given
        )
        factories.authority()
        request = CertificateRequest(domain=REF.name, ca="internal")
        certificate, order = certificates.create_certificate(
            actor=SYSTEM, request=request, storage_name="vault"
        )
        assert run(order).state == OrderState.SUCCEEDED
        first = services.load(target=target, ref=REF)

        vault.is_open = False
        order = certificates.renew_certificate(actor=SYSTEM, certificate=certificate)
        waiting = run(order)
        assert (waiting.state, waiting.error_code) == (OrderState.WAITING, "storage.unavailable")
        assert services.load(target=target, ref=REF) == first
        signed = LedgerEntry.objects.count()

        vault.is_open = True
        Order.objects.update(next_attempt_at=clock.now())
        assert run(order).state == OrderState.SUCCEEDED
        assert LedgerEntry.objects.count() == signed
        assert Version.objects.count() == 2
        current = Certificate.objects.get().current_version
        assert current is not None
        renewed = services.load(target=target, ref=REF)
        assert renewed.fingerprint == current.fingerprint != first.fingerprint
        assert services.load(target=target, ref=REF, fingerprint=first.fingerprint) == first
        certificates.delete_certificate(
            actor=SYSTEM, certificate=Certificate.objects.get(), force=True
        )
        assert list(services.list_refs(target)) == []
