"""Orders and the budget of their CA account."""

from datetime import timedelta

import pytest

from certificates.choices import OrderKind
from certificates.models import Order
from certificates.services.placing import place_order
from certificates.services.turns import turn_of
from certificates.services.wanted import dns_accounts_for
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.core.errors import Deferred, InvalidRequest
from providers import issuers
from providers.models import CATurn
from tests import factories
from tests.certificates.conftest import run

pytestmark = pytest.mark.django_db(transaction=True)


def test_waiting_for_a_turn_is_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    factories.dns_account()
    order = factories.order(factories.certificate())
    later = timedelta(hours=3)

    def not_yet(**_: object) -> None:
        raise Deferred("Later.", code="acme.budget", retry_after=later)

    monkeypatch.setattr(issuers, "issue", not_yet)
    before = clock.now()
    waiting = run(order)
    assert (waiting.state, waiting.attempts, waiting.error_code) == ("waiting", 0, "acme.budget")
    assert later <= waiting.next_attempt_at - before <= later + (clock.now() - before)


def test_a_renewal_lines_up_by_its_expiry_when_it_is_placed() -> None:
    factories.dns_account()
    expiry = clock.now() + timedelta(days=9)
    certificate = factories.certificate(expires_at=expiry)
    order = place_order(certificate, OrderKind.RENEW, actor=Actor.system())
    waiting = CATurn.objects.get()
    assert (waiting.account, waiting.urgency) == (order.ca_account, expiry)
    assert waiting.ticket == turn_of(Order.objects.get()).ticket


@pytest.mark.parametrize(
    ("names", "is_refused"),
    [
        (["a.example.test", "*.a.example.test"], True),
        (["a.example.test", "*.b.example.test"], False),
    ],
)
def test_names_whose_proofs_do_not_fit_are_refused_before_they_are_ordered(
    names: list[str], is_refused: bool
) -> None:
    account = factories.dns_account(provider="duckdns", credentials={"api_token": "t"})
    wanted = {"challenge_type": "dns-01", "dns_account": account, "names": names}
    if not is_refused:
        assert dns_accounts_for(Actor.system(), wanted) == [(account, names)]
        return
    with pytest.raises(InvalidRequest) as caught:
        dns_accounts_for(Actor.system(), wanted)
    assert (caught.value.code, caught.value.field) == ("dns.capacity", "dns")
