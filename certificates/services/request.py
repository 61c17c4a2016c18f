"""What somebody asks a certificate to be."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CertificateRequest:
    """What a certificate is asked to be. In a reissue None, or nothing, means "as it is".

    `ca` is a CA account, a CA or an authority. `profile` is one of an authority, or one that the CA
    offers ("": the account's own). `validity_days` is for an authority; with a profile its own
    counts, unless another is named.
    """

    domain: str | None = None
    san_domains: Sequence[str] | None = None
    ca: str = ""
    ca_provider: str = ""
    authority: str = ""
    profile: str | None = None
    validity_days: int | None = None
    dns: str = ""
    dns_provider: str = ""
    account_id: str = ""
    challenge_type: str | None = None
    key_type: str | None = None
    csr: str | None = None
