"""What a certificate says about its holder and its use, for people and for metadata."""

from dataclasses import dataclass

from cryptography import x509

from certmate.pki import usages
from certmate.pki.inspect import PARSE_ERRORS


@dataclass(frozen=True)
class Statement:
    """`subject` by short names, `alt_names` by kind, usages by RFC 5280's names."""

    subject: dict[str, str]
    alt_names: dict[str, list[str]]
    key_usage: frozenset[str]
    extended_key_usage: tuple[str, ...]


_KINDS: dict[type[x509.GeneralName], str] = {
    x509.DNSName: "dns",
    x509.IPAddress: "ip",
    x509.RFC822Name: "email",
    x509.UniformResourceIdentifier: "uri",
}


def statement(der: bytes) -> Statement:
    """Of any certificate, also one from elsewhere that says what no profile here would."""
    certificate = x509.load_der_x509_certificate(der)
    subject = {
        attribute.rfc4514_attribute_name: str(attribute.value) for attribute in certificate.subject
    }
    names: dict[str, list[str]] = {}
    usage: frozenset[str] = frozenset()
    purposes: tuple[str, ...] = ()
    try:
        for extension in certificate.extensions:
            value = extension.value
            if isinstance(value, x509.SubjectAlternativeName):
                for name in value:
                    names.setdefault(_KINDS.get(type(name), "other"), []).append(str(name.value))
            elif isinstance(value, x509.KeyUsage):
                usage = usages.key_usage_names(value)
            elif isinstance(value, x509.ExtendedKeyUsage):
                purposes = usages.extended_names(value)
    except PARSE_ERRORS:
        # It was kept as it came; what cannot be read is not told.
        pass
    return Statement(subject, names, usage, purposes)
