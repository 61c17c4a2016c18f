"""Accounts at CAs and DNS providers, and the private authorities with all that they have signed."""

from providers.models.accounts import (
    CAAccount,
    CATurn,
    CAUse,
    DNSAccount,
    HTTPChallenge,
    ca_choices,
    dns_choices,
)
from providers.models.authorities import Authority, AuthorityKey
from providers.models.ledger import CRL, BlockedKey, LedgerEntry, Revocation
from providers.models.profiles import Profile

__all__ = [
    "CRL",
    "Authority",
    "AuthorityKey",
    "BlockedKey",
    "CAAccount",
    "CATurn",
    "CAUse",
    "DNSAccount",
    "HTTPChallenge",
    "LedgerEntry",
    "Profile",
    "Revocation",
    "ca_choices",
    "dns_choices",
]
