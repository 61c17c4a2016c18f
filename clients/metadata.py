"""What is told about a client certificate beside its PEM files: one dictionary for storage and the
API.
"""

from typing import Any

from certmate.pki.statements import Statement
from clients.models import ClientCertificate, ClientVersion

_BITS = {
    "digital_signature": "digitalSignature",
    "non_repudiation": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}

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
    "revocation_reason": None,
}


def metadata(
    certificate: ClientCertificate, version: ClientVersion | None, says: Statement
) -> dict[str, Any]:
    """The keys of metadata.json. `says` is what the certificate states; what was asked for, before
    there is one.
    """
    facts: dict[str, Any] = {
        "certificate_identifier": certificate.identifier,
        "client_identifier": certificate.identifier,
        "certificate_type": certificate.certificate_type,
        "issuance_method": certificate.method,
        "authority": certificate.authority.name if certificate.authority else None,
        "profile": certificate.profile.name if certificate.profile else None,
        "identity": certificate.identity.name if certificate.identity else None,
        "subject": says.subject,
        "san": says.alt_names,
        "key_usage": {bit: name in says.key_usage for bit, name in _BITS.items()},
        "extended_key_usage": list(says.extended_key_usage),
    }
    return facts | (_issued(version) if version else NOT_ISSUED)


def _issued(version: ClientVersion) -> dict[str, Any]:
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
        "revocation_reason": version.revocation_reason or None,
    }
