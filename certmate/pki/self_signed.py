"""A certificate that nobody trusts, to try out a place where certificates are kept."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from certmate.pki.bundle import Bundle
from certmate.pki.inspect import to_pem
from certmate.pki.issue import CLOCK_SKEW, new_serial
from certmate.pki.keys import KeyType, new_key, signature_hash
from certmate.pki.keys import to_pem as key_to_pem

_LIFETIME = timedelta(hours=1)


def self_signed(common_name: str, now: datetime) -> Bundle:
    """A new one with its key, RSA since every place takes that, valid for an hour."""
    key = new_key(KeyType.RSA2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=new_serial(),
        not_valid_before=(now - CLOCK_SKEW).replace(tzinfo=None),
        not_valid_after=(now + _LIFETIME).replace(tzinfo=None),
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    certificate = builder.sign(key, signature_hash(key.public_key()))
    return Bundle(to_pem(certificate), "", key_to_pem(key))
