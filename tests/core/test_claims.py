from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from certificates.choices import OrderState
from certificates.models import Order
from certmate.core import claims, clock
from certmate.core.errors import LeaseLost
from tests import factories

LEASE = timedelta(seconds=60)


def take(order: Order) -> object:
    now = clock.now()
    try:
        return claims.claim(
            Order.objects.claimable(now), order.pk, lease=LEASE, now=now, state=OrderState.RUNNING
        )
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_of_eight_that_claim_at_once_one_wins() -> None:
    order = factories.order(factories.certificate())
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: take(order), range(8)))
    assert len([token for token in tokens if token]) == 1


@pytest.mark.django_db
def test_an_expired_lease_can_be_taken_over_and_the_old_holder_can_no_longer_write() -> None:
    order = factories.order(factories.certificate())
    now = clock.now()
    first = claims.claim(
        Order.objects.claimable(now), order.pk, lease=LEASE, now=now, state=OrderState.RUNNING
    )
    assert first
    assert not claims.claim(Order.objects.claimable(now), order.pk, lease=LEASE, now=now)
    later = now + LEASE
    second = claims.claim(Order.objects.claimable(later), order.pk, lease=LEASE, now=later)
    assert second
    claims.fenced(Order, order.pk, second, acme_order_url="second")
    with pytest.raises(LeaseLost):
        claims.fenced(Order, order.pk, first, acme_order_url="first")
    order.refresh_from_db()
    assert order.acme_order_url == "second"
