"""Certificates of OCSP responders as drafts (RFC 6960 §4.2.2.2)."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from certmate.pki import lint
from certmate.pki.alt_names import AltNames
from certmate.pki.der import public_key_bits
from certmate.pki.issue import Contents, draft, key_identifier, new_serial, validity
from certmate.pki.keys import describe
from certmate.pki.subject import to_name
from certmate.pki.usages import key_usage
from providers.authority.building import Drafted, IssuingKey, serial_text, spki_of

LIFETIME = timedelta(days=30)
"""Short, because nobody asks whether it is revoked (RFC 6960 §4.2.2.2.1)."""
LONGEST_NAME = 64
"""RFC 5280 A.1, ub-common-name."""

_USAGE = frozenset({"digitalSignature"})


def draft_responder(
    key: IssuingKey, public_key: PublicKeyTypes, name: str, *, now: datetime
) -> Drafted:
    """The certificate of a responder for this key, called after the authority of that name.

    Raises PKIError.
    """
    issuer = key.issuer
    begins, ends = validity(now, LIFETIME, issuer.certificate)
    serial, spki = new_serial(), spki_of(public_key)
    subject = {"CN": f"OCSP responder of {name}"[:LONGEST_NAME]}
    extensions = (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (key_usage(_USAGE), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
        # It has no address to ask about itself, so that nobody goes round in a circle.
        (x509.OCSPNoCheck(), False),
        (x509.SubjectKeyIdentifier(key_identifier(spki)), False),
        issuer.key_pointer,
    )
    contents = Contents(to_name(subject), public_key, serial, begins, ends, extensions)
    drafted = draft(contents, issuer)
    facts = describe(public_key, spki)
    lint.full(drafted, facts)
    return Drafted(
        frame=drafted.frame,
        serial=serial_text(serial),
        shard=key.shard(serial),
        subject=subject,
        subject_text=contents.subject.rfc4514_string(),
        key=facts,
        key_usage=_USAGE,
        alt_names=AltNames(),
        not_before=begins,
        not_after=ends,
    )


def key_bits(public_key: PublicKeyTypes) -> bytes:
    """By whose hash answers name their responder."""
    return public_key_bits(spki_of(public_key))
