"""The distinguished names that a private authority signs: few attributes, each at most once.

What a person or a CSR wrote is hostile. What comes out has one form (NFC, one order), so that two
subjects are the same if they look the same.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from certmate.pki.errors import PKIError
from certmate.pki.names import shown

Subject = Mapping[str, str]
"""By the short names of `ATTRIBUTES`."""


class Attribute(NamedTuple):
    """A part of a subject. `max_length` counts characters, as RFC 5280 appendix A.1 does."""

    oid: ObjectIdentifier
    max_length: int
    label: str


# RFC 5280 gives names of people 32768 characters; 64 is what S/MIME BR 7.1.4.2 allows them.
ATTRIBUTES: dict[str, Attribute] = {
    "C": Attribute(NameOID.COUNTRY_NAME, 2, "Country, two letters"),
    "ST": Attribute(NameOID.STATE_OR_PROVINCE_NAME, 128, "State or province"),
    "L": Attribute(NameOID.LOCALITY_NAME, 128, "Locality"),
    "O": Attribute(NameOID.ORGANIZATION_NAME, 64, "Organisation"),
    "OU": Attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, 64, "Organisational unit"),
    "SERIALNUMBER": Attribute(NameOID.SERIAL_NUMBER, 64, "Serial number of the holder"),
    "T": Attribute(NameOID.TITLE, 64, "Title"),
    "GN": Attribute(NameOID.GIVEN_NAME, 64, "Given name"),
    "SN": Attribute(NameOID.SURNAME, 64, "Surname"),
    "UID": Attribute(NameOID.USER_ID, 256, "User ID"),
    "CN": Attribute(NameOID.COMMON_NAME, 64, "Common name"),
}
"""In the order in which a certificate has them: from the general to the particular."""

_NAMES = {attribute.oid: name for name, attribute in ATTRIBUTES.items()}
_EMAIL = ("E", "EMAIL", "EMAILADDRESS")
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_PRINTABLE_STRING = re.compile(r"[A-Za-z0-9 '()+,./:=?-]+", re.ASCII)
# Letters and marks that leave nothing on the page (Unicode, Default_Ignorable_Code_Point), and the
# blank of Braille: with them two subjects look the same. All others of the kind are unprintable.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
# Decomposed letters of Vietnamese and Greek have up to four characters for one.
_MOST_DECOMPOSED = 4


def parse_subject(values: Mapping[str, object]) -> dict[str, str]:
    """The subject that somebody wrote as `values`, in its one form.

    Raises PKIError (`subject.unknown`, `subject.invalid`), with `subject.CN` and so on as field.
    """
    for name in values:
        if name not in ATTRIBUTES:
            raise _unknown(name)
    return {name: _value(name, values[name]) for name in ATTRIBUTES if name in values}


def _unknown(name: str) -> PKIError:
    field = f"subject.{shown(name)}"
    if name.upper() in _EMAIL:
        return _email(field)
    return PKIError(
        f"{shown(name)} is no part of a subject here: {', '.join(ATTRIBUTES)} are.",
        code="subject.unknown",
        field=field,
    )


def _email(field: str) -> PKIError:
    return PKIError(
        "An e-mail address belongs into the alternative names (RFC 5280 §4.1.2.6).",
        code="subject.unknown",
        field=field,
    )


def _invalid(name: str, fault: str) -> PKIError:
    return PKIError(f"{name} {fault}.", code="subject.invalid", field=f"subject.{name}")


def _value(name: str, value: object) -> str:
    limit = ATTRIBUTES[name].max_length
    if not isinstance(value, str):
        raise _invalid(name, "has to be a text")
    # Before the normalisation, whose work grows with the input.
    if len(value) > limit * _MOST_DECOMPOSED:
        raise _invalid(name, f"has more than {limit} characters")
    text = unicodedata.normalize("NFC", value.strip())
    if not text:
        raise _invalid(name, "is empty")
    # Controls, bidirectional overrides, zero-width and private characters, lone surrogates.
    if not text.isprintable() or _INVISIBLE.search(text):
        raise _invalid(name, "has a character that cannot be seen")
    if name == "C" and not _COUNTRY.fullmatch(text):
        raise _invalid(name, "is two capital letters of ISO 3166, such as DE")
    # RFC 5280 appendix A.1: these two are PrintableString.
    if name == "SERIALNUMBER" and not _PRINTABLE_STRING.fullmatch(text):
        raise _invalid(name, "has only A-Z a-z 0-9, space and ' ( ) + , - . / : = ?")
    # Many programs count the octets of a common name, `cryptography` among them.
    if (len(text.encode()) if name == "CN" else len(text)) > limit:
        unit = "bytes in UTF-8" if name == "CN" else "characters"
        raise _invalid(name, f"has more than {limit} {unit}")
    return text


def to_name(subject: Subject) -> x509.Name:
    """What a certificate has as its subject: one attribute a level (RFC 5280 §4.1.2.6).

    Raises PKIError as `parse_subject` does.
    """
    return _name(tuple(subject.items()))


@lru_cache(maxsize=256)
def _name(items: tuple[tuple[str, str], ...]) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(ATTRIBUTES[name].oid, value)
            for name, value in parse_subject(dict(items)).items()
        ]
    )


def from_name(name: x509.Name) -> dict[str, str]:
    """The subject of somebody's CSR, in its one form.

    Raises PKIError (`subject.unknown`, `subject.invalid`) for all that `to_name` would not write.
    """
    found: dict[str, object] = {}
    for level in name.rdns:
        attributes = list(level)
        short = _short(attributes[0].oid)
        if len(attributes) > 1:
            raise _invalid(short, "shares its level of the subject with another attribute")
        if short in found:
            raise _invalid(short, "is there more than once")
        found[short] = attributes[0].value
    return parse_subject(found)


def _short(oid: ObjectIdentifier) -> str:
    if oid == NameOID.EMAIL_ADDRESS:
        raise _email("subject.EMAIL")
    if oid not in _NAMES:
        raise _unknown(oid.dotted_string)
    return _NAMES[oid]


def text(subject: Subject) -> str:
    """`CN=jane,O=Example,C=DE` (RFC 4514), the particular first, for people to read."""
    return to_name(subject).rfc4514_string(_NAMES)
