"""A certificate of the ledger in the words of RFC 5280, for people to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509

from certmate.pki import usages
from certmate.pki.alt_names import from_general_names
from certmate.pki.inspect import load_certificate

T = TypeVar("T", bound=x509.ExtensionType)


@dataclass(frozen=True)
class Extensions:
    """What the extensions say; empty where one is not there."""

    key_identifier: str
    key_usage: Sequence[str]
    extended_key_usage: Sequence[str]
    alt_names: Mapping[str, Sequence[str]]
    is_ca: bool


def read(certificate_pem: str) -> Extensions:
    """The extensions of a certificate that was signed here."""
    certificate = load_certificate(certificate_pem)
    usage = _value(certificate, x509.KeyUsage)
    extended = _value(certificate, x509.ExtendedKeyUsage)
    names = _value(certificate, x509.SubjectAlternativeName)
    identifier = _value(certificate, x509.SubjectKeyIdentifier)
    basic = _value(certificate, x509.BasicConstraints)
    return Extensions(
        key_identifier=identifier.digest.hex() if identifier else "",
        key_usage=sorted(usages.key_usage_names(usage)) if usage else (),
        extended_key_usage=usages.extended_names(extended) if extended else (),
        alt_names=from_general_names(names).as_dict() if names else {},
        is_ca=basic is not None and basic.ca,
    )


def _value(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
