"""An order's place among those that wait for the budget of their CA account."""

from certificates.models import Order
from providers.issuers import Turn


def turn_of(order: Order) -> Turn:
    """The certificate that expires first goes first; one that is not there yet is waited for."""
    urgency = order.certificate.expires_at or order.created_at
    return Turn(f"order {order.pk}", tuple(order.names), urgency)
