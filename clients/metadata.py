"""What is told about a client certificate beside its PEM files: one dictionary for storage and the
API.
"""

from typing import Any

from certmate.core.issued import issued_facts
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
    why = version.revocation_reason if version else ""
    return facts | issued_facts(version) | {"revocation_reason": why or None}
