"""Server certificates: what is wanted (certificate), what was got (version), the attempts
(order).
"""

from certificates.models.certificate import AltName, Certificate, Version
from certificates.models.order import Order, OrderKey, OrderLog, OrderProof

__all__ = ["AltName", "Certificate", "Order", "OrderKey", "OrderLog", "OrderProof", "Version"]
