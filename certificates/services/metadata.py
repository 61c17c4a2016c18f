"""What is told about a certificate beside its PEM files: one dictionary for storage and the API."""

from typing import Any

from certificates.models import Certificate, Order, Version

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
        "challenge_type": asked.challenge_type,
        "ca_provider": asked.ca_account.provider,
        "ca_account_id": asked.ca_account.name,
        "email": asked.ca_account.email,
        "staging": asked.ca_account.is_staging,
        "created_at": certificate.created_at.isoformat(),
        "renewed_at": version.created_at.isoformat() if version and version.number > 1 else None,
        "certificate_type": "DV",
        "inferred": False,
        "issuance_method": "csr" if asked.csr else "acme",
        "client_identifier": None,
    }
    return facts | (_issued(version) if version else NOT_ISSUED)


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
