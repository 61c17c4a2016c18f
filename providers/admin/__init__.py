"""The admin of accounts: it translates between people and `providers.services`."""

from providers.admin import ca, dns

__all__ = ["ca", "dns"]
