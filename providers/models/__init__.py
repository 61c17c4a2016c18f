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
from providers.models.crls import CRL, CRLChange, CRLRelease, CRLShard
from providers.models.ledger import BlockedKey, LedgerEntry, Revocation
from providers.models.ocsp import OCSPResponse, Responder
from providers.models.profiles import Profile

__all__ = [
    "CRL",
    "Authority",
    "AuthorityKey",
    "BlockedKey",
    "CAAccount",
    "CATurn",
    "CAUse",
    "CRLChange",
    "CRLRelease",
    "CRLShard",
    "DNSAccount",
    "HTTPChallenge",
    "LedgerEntry",
    "OCSPResponse",
    "Profile",
    "Responder",
    "Revocation",
    "ca_choices",
    "dns_choices",
]
