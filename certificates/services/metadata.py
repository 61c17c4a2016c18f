"""What is told about a certificate beside its PEM files: one dictionary for storage and the API."""

from typing import Any

from certificates.models import Certificate, Order, Version
from certificates.models.certificate import Wanted

AUTHORITY = "authority"
"""The provider of what no public CA has issued."""

NOT_ISSUED: dict[str, Any] = {
    "version": None,
    "issuer_ca": None,
    "serial_number": None,
    "fingerprint": None,
    "not_before": None,
    "not_after": None,
    "key_algorithm": None,
    "key_size": None,
    "public_key_hash": None,
    "revoked": False,
    "revocation_date": None,
}


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
    return facts | (_issued(version) if version else NOT_ISSUED)


def _issuer(asked: Wanted) -> dict[str, Any]:
    account, profile = asked.ca_account, asked.profile
    direct = "acme" if account else "direct"
    return {
        "ca_provider": account.provider if account else AUTHORITY,
        "ca_account_id": asked.issued_by.name,
        "email": account.email if account else None,
        "staging": account is not None and account.is_staging,
        "certificate_type": profile.certificate_type if profile else "DV",
        "issuance_method": "csr" if asked.csr else direct,
    }


def _issued(version: Version) -> dict[str, Any]:
    return {
        "version": version.number,
        "issuer_ca": version.issuer,
        "serial_number": version.serial,
        "fingerprint": f"sha256:{version.fingerprint}",
        "not_before": version.not_before.isoformat(),
        "not_after": version.not_after.isoformat(),
        "key_algorithm": version.key_algorithm,
        "key_size": version.key_size,
        "public_key_hash": f"sha256:{version.public_key_hash}",
        "revoked": version.revoked_at is not None,
        "revocation_date": version.revoked_at.isoformat() if version.revoked_at else None,
    }
