"""Certificates and orders in the admin: translation between people and `certificates.services`."""

from certificates.admin import certificates, orders, overview

__all__ = ["certificates", "orders", "overview"]
