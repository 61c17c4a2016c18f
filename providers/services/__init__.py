"""What can be done to accounts at CAs and DNS providers."""

from providers.services.ca import (
    create_ca_account,
    delete_ca_account,
    resolve_ca_account,
    update_ca_account,
)
from providers.services.dns import (
    account_for_names,
    create_dns_account,
    delete_dns_account,
    resolve_dns_account,
    update_dns_account,
)

__all__ = [
    "account_for_names",
    "create_ca_account",
    "create_dns_account",
    "delete_ca_account",
    "delete_dns_account",
    "resolve_ca_account",
    "resolve_dns_account",
    "update_ca_account",
    "update_dns_account",
]
