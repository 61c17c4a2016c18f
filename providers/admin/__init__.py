"""The admin of accounts and authorities: it translates between people and `providers.services`."""

from providers.admin import authorities, ca, dns, ledger, profiles

__all__ = ["authorities", "ca", "dns", "ledger", "profiles"]
