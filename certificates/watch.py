"""A running order's hold on its row: every write is fenced by the lease, and each sign of life
renews it.
"""

import logging
import uuid
from typing import Any

from django.conf import settings
from django.db.models.functions import Coalesce

from certificates.choices import OrderState, OrderStep
from certificates.models import Order, OrderLog
from certmate.core import claims, clock
from providers import issuers
from providers.acme.failures import clean

logger = logging.getLogger(__name__)

LONGEST_LINE = 10_000


class OrderWatch:
    """What an issuer reports to while it works on an order. Its methods raise LeaseLost when the
    order was cancelled or another worker has taken it, which ends the issuer's child process.
    """

    def __init__(self, order: Order, token: uuid.UUID) -> None:
        self.order = order
        self.token = token

    @classmethod
    def claim(cls, order_id: int) -> "OrderWatch | None":
        """Take the order if it is due and free. None if it is not: then there is nothing to do."""
        now = clock.now()
        token = claims.claim(
            Order.objects.claimable(now),
            order_id,
            lease=settings.ORDER_LEASE,
            now=now,
            state=OrderState.RUNNING,
            started_at=Coalesce("started_at", now),
        )
        if token is None:
            return None
        order = Order.objects.select_related(
            "certificate__storage_target",
            "certificate__team",
            "ca_account",
            "authority",
            "profile",
            "dns_account",
            "version__ca_account",
            "version__authority",
            "requested_by",
            "requested_token",
        ).get(pk=order_id)
        return cls(order, token)

    def write(self, **values: Any) -> None:
        """Write to the order's row, if it is still ours."""
        claims.fenced(Order, self.order.pk, self.token, **values)
        for name, value in values.items():
            setattr(self.order, name, value)

    def enter(self, step: OrderStep, message: str) -> None:
        """Begin a step of the order."""
        self.write(step=step, lease_expires_at=clock.now() + settings.ORDER_LEASE)
        self.step(message)

    def tick(self) -> None:
        """Still alive, still ours."""
        self.write(lease_expires_at=clock.now() + settings.ORDER_LEASE)

    def step(self, message: str) -> None:
        """A line for the order's log; what others wrote into it cannot make a second one."""
        message = clean(message, LONGEST_LINE)
        logger.info("Order %s: %s", self.order.pk, message)
        OrderLog.objects.create(
            order=self.order, at=clock.now(), step=self.order.step, message=message
        )

    def order_created(self, url: str) -> None:
        """The CA has opened an order; from now on a crash is taken up there."""
        self.write(acme_order_url=url)
        self.step(f"The CA opened {url}.")

    def present(self, token: str, key_authorization: str) -> None:
        self.tick()
        issuers.present_http01(token, key_authorization)

    def cleanup(self, token: str) -> None:
        issuers.cleanup_http01(token)

    def log(self, text: str) -> None:
        """Kept for who has to find out; not fenced by an exception, because it is called while one
        passes.
        """
        Order.objects.filter(pk=self.order.pk, lease_token=self.token).update(client_log=text)
