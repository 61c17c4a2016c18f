"""pkilint as a judge beside the product: its own set-up, and nothing filtered but two findings."""

from functools import lru_cache
from typing import Any

from pkilint import loader
from pkilint.pkix import certificate, extension, name

# Stricter than RFC 5280: every wildcard and single label; every scheme that is not the web's.
STRICTER = {"pkix.invalid_domain_name_syntax", "pkix.invalid_uri_syntax"}


@lru_cache(maxsize=1)
def _validator() -> Any:
    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


def errors_of(pem: str) -> list[str]:
    """The codes of what pkilint calls an error in the certificate."""
    document = loader.RFC5280CertificateDocumentLoader().load_pem_document(pem, "certificate")
    return sorted(
        described.finding.code
        for result in _validator().validate(document.root)
        for described in result.finding_descriptions
        if described.finding.severity.name in ("ERROR", "FATAL")
        and described.finding.code not in STRICTER
    )
