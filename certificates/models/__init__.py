"""Server certificates: what is wanted (certificate), what was got (version), the attempts
(order).
"""

from certificates.models.certificate import Certificate, Version
from certificates.models.order import Order, OrderKey, OrderLog

__all__ = ["Certificate", "Order", "OrderKey", "OrderLog", "Version"]
