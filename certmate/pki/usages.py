"""Key usage and extended key usage (RFC 5280 §4.2.1.3, §4.2.1.12) by the names that RFCs use."""

import re
from collections.abc import Iterable
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from certmate.pki.errors import PKIError

KEY_USAGES: dict[str, str] = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}
"""RFC 5280's name, and `cryptography`'s."""

CA_USAGES = frozenset({"keyCertSign", "cRLSign"})
LEAF_USAGES = tuple(name for name in KEY_USAGES if name not in CA_USAGES)

EXTENDED_KEY_USAGES: dict[str, x509.ObjectIdentifier] = {
    "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "codeSigning": ExtendedKeyUsageOID.CODE_SIGNING,
    "emailProtection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "smartcardLogon": ExtendedKeyUsageOID.SMARTCARD_LOGON,
    "ipsecIKE": ExtendedKeyUsageOID.IPSEC_IKE,
}
_NAMES = {oid.dotted_string: name for name, oid in EXTENDED_KEY_USAGES.items()}
_DOTTED = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,9})){2,20}", re.ASCII)

_FORBIDDEN = {
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string: "it would allow every use",
    ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string: "its holder could answer for the authority",
    ExtendedKeyUsageOID.TIME_STAMPING.dotted_string: "RFC 3161 wants it alone and critical",
}
# RFC 3279 §2.3.1, RFC 8813 §3 (no encipherment with EC keys), RFC 8410 §5, RFC 9881 §5.
_SIGNS = frozenset({"digitalSignature", "nonRepudiation"})
_EC = _SIGNS | {"keyAgreement"}
_RSA = _SIGNS | {"keyEncipherment", "dataEncipherment"}


def possible(public_key: PublicKeyTypes) -> frozenset[str]:
    """The usages that a key of this algorithm can have in a leaf."""
    return _possible(type(public_key))


@lru_cache(maxsize=16)
def _possible(kind: type) -> frozenset[str]:
    if issubclass(kind, rsa.RSAPublicKey):
        return _RSA
    return _EC if issubclass(kind, ec.EllipticCurvePublicKey) else _SIGNS


@lru_cache(maxsize=256)
def key_usage(names: frozenset[str]) -> x509.KeyUsage:
    wanted = {KEY_USAGES[name] for name in names}
    bits = {bit: bit in wanted for bit in KEY_USAGES.values()}
    return x509.KeyUsage(**bits, encipher_only=False, decipher_only=False)


def key_usage_names(usage: x509.KeyUsage) -> frozenset[str]:
    return frozenset(name for name, bit in KEY_USAGES.items() if getattr(usage, bit))


@lru_cache(maxsize=256)
def extended(names: tuple[str, ...]) -> x509.ExtendedKeyUsage:
    """Of names and dotted identifiers that `parse_extended` has accepted."""
    return x509.ExtendedKeyUsage(
        [EXTENDED_KEY_USAGES.get(name) or x509.ObjectIdentifier(name) for name in names]
    )


def extended_names(usage: x509.ExtendedKeyUsage) -> tuple[str, ...]:
    return tuple(_NAMES.get(oid.dotted_string, oid.dotted_string) for oid in usage)


def parse_extended(values: Iterable[str]) -> tuple[str, ...]:
    """Names, or dotted identifiers of purposes that have none here, each once.

    Raises PKIError (`profile.extended_key_usage`).
    """
    found: dict[str, None] = {}
    for value in values:
        name = _NAMES.get(value, value)
        if name in _FORBIDDEN or (name not in EXTENDED_KEY_USAGES and not _DOTTED.fullmatch(name)):
            why = _FORBIDDEN.get(name, f"known are {', '.join(EXTENDED_KEY_USAGES)}, and OIDs")
            raise PKIError(
                f"{value[:80]!r} is no purpose for a profile: {why}.",
                code="profile.extended_key_usage",
                field="extended_key_usage",
            )
        found[name] = None
    return tuple(found)
