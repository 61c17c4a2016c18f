"""Where anybody finds what authorities publish; these addresses stand in what they sign."""

from datetime import timedelta

from providers.models import AuthorityKey
from providers.services.signing import public_url

FRESH_FOR = timedelta(hours=1)
"""For how long caches may answer; what a revocation has to wait for there."""


def ca_url(key: AuthorityKey) -> str:
    """The key's certificate."""
    return f"{public_url(key.authority)}/ca/{key.number}.cer"


def ocsp_url(key: AuthorityKey) -> str:
    """Where clients ask about what the key has signed; "" if they are not answered."""
    return f"{public_url(key.authority)}/ocsp" if key.authority.has_ocsp else ""


def crl_url(key: AuthorityKey, shard: int) -> str:
    """The newest CRL of one of the key's shards."""
    return f"{public_url(key.authority)}/crl/{shard}.crl"


def delta_crl_url(key: AuthorityKey, shard: int) -> str:
    """The newest delta CRL of one of the key's shards."""
    return f"{public_url(key.authority)}/delta/{shard}.crl"
