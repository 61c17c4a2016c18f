"""What the API takes for authorities. Passphrases and keys go in and never come out."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from certmate.pki.constraints import KINDS, SIDES
from certmate.pki.inspect import MAX_PEM_BYTES
from certmate.pki.keys import KeyType
from certmate.rest.fields import Flag, Text, WholeNumber
from certmate.rest.serializers import Input
from providers.authority.custody import CUSTODIES
from providers.choices import AuthorityKind
from providers.services.authorities.creating import LONGEST_DAYS
from providers.services.authorities.keeping import (
    LONGEST_CRL_HOURS,
    LONGEST_OCSP_HOURS,
    MOST_SHARDS,
)

_CUSTODIES = ", ".join(CUSTODIES)


def _secret(help_text: str) -> Text:
    return Text(
        max_length=1000,
        allow_blank=True,
        trim_whitespace=False,
        default="",
        help_text=f"A secret: {help_text}",
    )


def _pem(help_text: str, **options: Any) -> Text:
    return Text(max_length=MAX_PEM_BYTES, trim_whitespace=False, help_text=help_text, **options)


def _names(what: str) -> serializers.ListField:
    return serializers.ListField(
        child=Text(max_length=255), default=list, max_length=100, help_text=what
    )


class _Publishing(Input):
    """What every authority has, however it came about."""

    crl_shards = WholeNumber(
        min_value=1,
        max_value=MOST_SHARDS,
        default=1,
        help_text="Over how many CRLs its key spreads revocations.",
    )
    crl_hours = WholeNumber(
        min_value=1,
        max_value=LONGEST_CRL_HOURS,
        default=7 * 24,
        help_text="Validity of a CRL; a new one is made at half of it.",
    )
    delta_crl_hours = WholeNumber(
        min_value=0,
        max_value=LONGEST_CRL_HOURS,
        default=24,
        help_text="Validity of a delta CRL; 0 makes none.",
    )
    ocsp_hours = WholeNumber(
        min_value=0,
        max_value=LONGEST_OCSP_HOURS,
        default=96,
        help_text="Validity of an OCSP answer; a new one is made at half of it. 0: no OCSP.",
    )
    is_default = Flag(default=False, help_text="Signs where no authority is named.")
    team = Text(max_length=64, allow_blank=True, default="", help_text="Who owns it.")


class _New(_Publishing):
    """What is said of a CA that is made here."""

    name = Text(max_length=100)
    subject = serializers.DictField(help_text="CN, O, OU, C and so on.")
    key_type = Text(max_length=10, default="ec384", help_text=f"One of {', '.join(KeyType)}.")
    custody = Text(
        max_length=20,
        required=False,
        help_text=f"One of {_CUSTODIES}; passphrase if there is one, else database.",
    )
    validity_days = WholeNumber(
        min_value=1,
        max_value=LONGEST_DAYS,
        allow_null=True,
        default=None,
        help_text="null: 20 years of a root, 10 of an intermediate.",
    )
    path_length = WholeNumber(
        min_value=0,
        max_value=100,
        allow_null=True,
        default=None,
        help_text="How many CAs may follow below. null: any below a root, none below others.",
    )
    permitted_dns = _names("Name constraints (RFC 5280 §4.2.1.10): example.com and all below.")
    permitted_ip = _names("Networks.")
    permitted_email = _names("A host, a domain as .example.com, or one address.")
    permitted_uri = _names("A host, or a domain as .example.com.")
    excluded_dns = _names("Forbidden, whatever is permitted.")
    excluded_ip = _names("Networks.")
    excluded_email = _names("As permitted_email.")
    excluded_uri = _names("As permitted_uri.")


class AuthorityInput(_New):
    kind = serializers.ChoiceField(AuthorityKind.choices)
    parent = Text(  # type: ignore[assignment]
        max_length=100,
        allow_blank=True,
        default="",
        help_text="The authority that signs an intermediate; empty: it waits with a CSR.",
    )
    passphrase = _secret("encrypts the new key; it is asked for at each use.")
    parent_passphrase = _secret("opens the parent's key.")

    class Meta:
        ref_name = "AuthorityRequest"


class IntermediateInput(_New):
    passphrase = _secret("opens the key of the authority that signs.")
    child_passphrase = _secret("encrypts the new key; it is asked for at each use.")

    class Meta:
        ref_name = "IntermediateRequest"


class ImportInput(_Publishing):
    name = Text(max_length=100)
    certificate = _pem("PEM.")
    private_key = _pem("A secret, PEM.")
    key_password = _secret("opens the key that is brought.")
    chain = _pem("PEM: the CAs above it, its root last.", allow_blank=True, default="")
    custody = Text(max_length=20, default="database", help_text=f"One of {_CUSTODIES}.")
    passphrase = _secret("encrypts the key from now on, for the custody of that name.")

    class Meta:
        ref_name = "AuthorityImport"


class AuthorityChanges(Input):
    """What may be changed: an authority's name, subject and key are in what it has signed."""

    is_default = Flag(required=False)
    disabled = Flag(required=False, help_text="A disabled one signs no certificates.")
    crl_shards = WholeNumber(
        min_value=1, max_value=MOST_SHARDS, required=False, help_text="From its next key on."
    )
    crl_hours = WholeNumber(min_value=1, max_value=LONGEST_CRL_HOURS, required=False)
    delta_crl_hours = WholeNumber(min_value=0, max_value=LONGEST_CRL_HOURS, required=False)
    ocsp_hours = WholeNumber(
        min_value=0, max_value=LONGEST_OCSP_HOURS, required=False, help_text="0: no OCSP."
    )
    team = Text(max_length=64, allow_blank=True, required=False, help_text="Who owns it.")

    class Meta:
        ref_name = "AuthorityUpdate"


class RotationInput(Input):
    passphrase = _secret("opens the present key and encrypts the new one.")
    parent_passphrase = _secret("opens the parent's key.")

    class Meta:
        ref_name = "AuthorityRotation"


class InstallInput(Input):
    certificate = _pem("PEM, of the key that waits.")
    chain = _pem("PEM: the CAs above it, its root last.", allow_blank=True, default="")

    class Meta:
        ref_name = "AuthorityCertificate"


class PublishInput(Input):
    passphrase = _secret("opens the authority's keys.")

    class Meta:
        ref_name = "CRLPublication"


def with_constraints(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as services take them: the name constraints in one."""
    limits: dict[str, dict[str, list[str]]] = {}
    rest: dict[str, Any] = {}
    for name, value in values.items():
        side, _, kind = name.partition("_")
        if side in SIDES and kind in KINDS:
            limits.setdefault(side, {})[kind] = value
        else:
            rest[name] = value
    return rest | {"name_constraints": limits}
