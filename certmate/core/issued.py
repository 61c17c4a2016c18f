"""What is told of any certificate that was issued, whatever it is for."""

from datetime import datetime
from typing import Any, Protocol

from certmate.pki.inspect import CertificateFacts


class Issued(Protocol):
    """A version, as the apps have them."""

    number: int
    issuer: str
    serial: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    key_algorithm: str
    key_size: int
    public_key_hash: str
    revoked_at: datetime | None


def version_fields(facts: CertificateFacts) -> dict[str, Any]:
    """What the row of a version says of its certificate."""
    return {
        "serial": facts.serial,
        "fingerprint": facts.fingerprint,
        "issuer": facts.issuer[:500],
        "not_before": facts.not_before,
        "not_after": facts.not_after,
        "key_algorithm": facts.key.algorithm,
        "key_size": facts.key.size,
        "public_key_hash": facts.key.spki_sha256,
    }


def issued_facts(version: Issued | None) -> dict[str, Any]:
    """Its part of metadata.json; before there is one the same keys, with nothing."""
    return {
        "version": version.number if version else None,
        "issuer_ca": version.issuer if version else None,
        "serial_number": version.serial if version else None,
        "fingerprint": f"sha256:{version.fingerprint}" if version else None,
        "not_before": version.not_before.isoformat() if version else None,
        "not_after": version.not_after.isoformat() if version else None,
        "key_algorithm": version.key_algorithm if version else None,
        "key_size": version.key_size if version else None,
        "public_key_hash": f"sha256:{version.public_key_hash}" if version else None,
        "revoked": version is not None and version.revoked_at is not None,
        "revocation_date": version.revoked_at.isoformat()
        if version and version.revoked_at
        else None,
    }
