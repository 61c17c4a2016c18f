"""What is told about a certificate beside its PEM files: one dictionary for storage and the API."""

from typing import Any

from certificates.models import Certificate, Order, Version
from certificates.models.certificate import Wanted
from certmate.core.issued import issued_facts

AUTHORITY = "authority"
"""The provider of what no public CA has issued."""


def metadata(
    certificate: Certificate, version: Version | None, wanted: Order | None = None
) -> dict[str, Any]:
    """The keys of metadata.json. `wanted` is the order that made the version, if it is not finished
    yet.
    """
    asked = wanted or certificate
    facts: dict[str, Any] = {
        "domain": asked.domain,
        "san_domains": list(asked.names[1:]),
        "dns_provider": asked.dns_account.provider if asked.dns_account else None,
        "account_id": asked.dns_account.name if asked.dns_account else None,
        "challenge_type": asked.challenge_type or None,
        **_issuer(asked),
        "created_at": certificate.created_at.isoformat(),
        "renewed_at": version.created_at.isoformat() if version and version.number > 1 else None,
        "inferred": False,
        "client_identifier": None,
    }
    return facts | issued_facts(version)


def _issuer(asked: Wanted) -> dict[str, Any]:
    account, profile = asked.ca_account, asked.profile
    direct = "acme" if account else "direct"
    return {
        "ca_provider": account.provider if account else AUTHORITY,
        "ca_account_id": asked.issued_by.name,
        "email": account.email if account else None,
        "staging": account is not None and account.is_staging,
        "profile": profile.name if profile else None,
        "certificate_type": profile.certificate_type if profile else "DV",
        "issuance_method": "csr" if asked.csr else direct,
    }
