"""What an authority may put into a leaf certificate, and the judgement of one that is to be signed.

A profile is judged on the bytes to be signed: whatever came in by the request, the CSR or a bug on
the way is seen there. Plain values; where profiles are kept is not known here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from certmate.pki import patterns, usages
from certmate.pki.alt_names import AltNames
from certmate.pki.errors import PKIError
from certmate.pki.issue import Extension, Issuer, key_identifier, pointers
from certmate.pki.keys import KeyType, check_strength, key_type_of
from certmate.pki.subject import from_name, parse_subject

_NO_CA = x509.BasicConstraints(ca=False, path_length=None)
PLACEHOLDERS = ("identifier", "common_name")
"""What the values of a subject template may contain, in braces."""


@dataclass(frozen=True)
class Profile:
    """Rules for one purpose.

    `subject` are the attributes that a certificate gets, unless they are among `subject_fields`,
    which the requester may set. `alt_names` are patterns by kind.
    """

    name: str
    key_usage: frozenset[str]
    extended_key_usage: tuple[str, ...]
    key_types: frozenset[KeyType]
    default_validity: timedelta
    longest_validity: timedelta
    subject: Mapping[str, str] = field(default_factory=dict)
    subject_fields: frozenset[str] = frozenset({"CN"})
    alt_names: patterns.Patterns = field(default_factory=dict)


def key_usage(profile: Profile, public_key: PublicKeyTypes) -> frozenset[str]:
    """The profile's usages, as far as a key of this algorithm can have them.

    Raises PKIError (`profile.key_type`) if none is left.
    """
    found = profile.key_usage & usages.possible(public_key)
    if profile.key_usage and not found:
        raise _refused(
            "key_type",
            f"The profile {profile.name} is for {', '.join(sorted(profile.key_usage))}, "
            "which a key of this type cannot do.",
            code="profile.key_type",
        )
    return found


def extensions(
    profile: Profile,
    public_key: PublicKeyTypes,
    spki: bytes,
    names: AltNames,
    issuer: Issuer,
    *,
    crl_url: str,
    has_subject: bool,
) -> tuple[Extension, ...]:
    """Those of a leaf certificate under the profile; `spki` is its public key in DER."""
    made: list[Extension] = [
        (_NO_CA, True),
        (usages.key_usage(key_usage(profile, public_key)), True),
    ]
    if profile.extended_key_usage:
        made.append((usages.extended(profile.extended_key_usage), False))
    if not names.is_empty:
        # RFC 5280 §4.2.1.6: critical where the subject is empty.
        made.append((x509.SubjectAlternativeName(names.general_names()), not has_subject))
    made.append((x509.SubjectKeyIdentifier(key_identifier(spki)), False))
    return (*made, *pointers(issuer, crl_url))


def subject(
    profile: Profile, asked: Mapping[str, str], values: Mapping[str, str]
) -> dict[str, str]:
    """The subject of a certificate: what was asked for over what the template says.

    `values` are those of the placeholders. Raises PKIError (`profile.subject`) for an attribute
    that the requester may not set.
    """
    fixed = template(profile, values)
    for name, value in asked.items():
        if name not in profile.subject_fields and fixed.get(name) != value:
            told = f"it is {fixed[name]!r}" if name in fixed else "it has none"
            raise _refused(
                f"subject.{name}",
                f"The profile {profile.name} lets nobody set {name}: {told}.",
                code="profile.subject",
            )
    return parse_subject({**fixed, **asked})


def template(profile: Profile, values: Mapping[str, str]) -> dict[str, str]:
    """The template with its placeholders filled in; an attribute that comes out empty is none."""
    made = {}
    for name, text in profile.subject.items():
        for placeholder in PLACEHOLDERS:
            text = text.replace(f"{{{placeholder}}}", values.get(placeholder, ""))
        if text.strip():
            made[name] = text.strip()
    return made


def judge(
    profile: Profile, certificate: x509.Certificate, names: AltNames, values: Mapping[str, str]
) -> None:
    """Raise PKIError unless the profile allows exactly this certificate.

    `names` are those of its extension, which `lint.exact` has compared.
    """
    public_key = certificate.public_key()
    check_strength(public_key, more=True)
    if key_type_of(public_key) not in profile.key_types:
        known = ", ".join(sorted(profile.key_types))
        raise _refused(
            "key_type",
            f"The profile {profile.name} takes keys of these types: {known}.",
            code="profile.key_type",
        )
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if lifetime > profile.longest_validity + timedelta(minutes=5):
        raise _refused(
            "validity_days",
            f"The profile {profile.name} allows at most {profile.longest_validity.days} days.",
            code="profile.validity",
        )
    _judge_usages(profile, certificate, public_key)
    found = from_name(certificate.subject)
    _judge_subject(profile, found, template(profile, values))
    judge_names(profile, found, names)


def _judge_usages(
    profile: Profile, certificate: x509.Certificate, public_key: PublicKeyTypes
) -> None:
    found = certificate.extensions
    usage = found.get_extension_for_class(x509.KeyUsage).value
    purposes: tuple[str, ...] = ()
    if profile.extended_key_usage:
        extended = found.get_extension_for_class(x509.ExtendedKeyUsage).value
        purposes = usages.extended_names(extended)
    is_same = usages.key_usage_names(usage) == key_usage(profile, public_key)
    if not is_same or purposes != tuple(profile.extended_key_usage):
        raise _refused(
            "", f"The usages are not those of the profile {profile.name}.", code="profile.usage"
        )


def _judge_subject(profile: Profile, found: Mapping[str, str], fixed: Mapping[str, str]) -> None:
    for name, value in found.items():
        if name not in profile.subject_fields and fixed.get(name) != value:
            raise _refused(
                f"subject.{name}",
                f"The profile {profile.name} does not allow {name}={value!r}.",
                code="profile.subject",
            )
    for name in fixed.keys() - found.keys():
        raise _refused(
            f"subject.{name}",
            f"The profile {profile.name} demands {name}={fixed[name]!r}.",
            code="profile.subject",
        )


def judge_names(profile: Profile, found: Mapping[str, str], names: AltNames) -> None:
    """Raise PKIError (`profile.san`, `profile.subject`) for names that the profile does not allow
    beside this subject.
    """
    refused = patterns.first_refused(names, profile.alt_names)
    if refused is not None:
        kind, name = refused
        allowed = ", ".join(profile.alt_names.get(kind, ())) or "none of this kind"
        raise _refused(
            f"san.{kind}",
            f"The profile {profile.name} does not allow {name}: {allowed}.",
            code="profile.san",
        )
    if "serverAuth" in profile.extended_key_usage:
        _judge_server(profile, found, names)
    if "emailProtection" in profile.extended_key_usage and not names.email:
        raise _refused(
            "san.email",
            f"The profile {profile.name} needs an e-mail address (RFC 8550 §3).",
            code="profile.san",
        )


def _judge_server(profile: Profile, found: Mapping[str, str], names: AltNames) -> None:
    """RFC 9525 §2: clients compare alternative names; some old ones still look at the CN."""
    if not (names.dns or names.ip):
        raise _refused(
            "san.dns",
            f"The profile {profile.name} needs a DNS name or an IP address.",
            code="profile.san",
        )
    common_name = found.get("CN")
    if common_name is not None and common_name not in (*names.dns, *names.ip):
        raise _refused(
            "subject.CN",
            "The common name of a server's certificate is one of its DNS names or IP addresses.",
            code="profile.subject",
        )


def check(profile: Profile) -> None:
    """Raise PKIError for rules that make no sense together."""
    unknown = sorted(profile.key_usage - set(usages.LEAF_USAGES))
    if unknown or not profile.key_usage:
        raise _refused(
            "key_usage",
            f"One or more of {', '.join(usages.LEAF_USAGES)}.",
            code="profile.key_usage",
        )
    if not profile.key_types:
        raise _refused("key_types", "Name at least one type of key.", code="profile.key_type")
    if not timedelta(0) < profile.default_validity <= profile.longest_validity:
        raise _refused(
            "default_days",
            "The default validity is at least a day and not above the longest.",
            code="profile.validity",
        )
    _check_template(profile.subject, profile.subject_fields)


def _check_template(given: Mapping[str, str], fields: Iterable[str]) -> None:
    filled = template_sample(given)
    parse_subject({**filled, **{name: "XX" for name in fields if name not in filled}})


def template_sample(given: Mapping[str, str]) -> dict[str, str]:
    """The template with something in place of what is not known yet."""
    sample = {}
    for name, text in given.items():
        for placeholder in PLACEHOLDERS:
            text = str(text).replace(f"{{{placeholder}}}", "x")
        if "{" in text or "}" in text:
            known = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
            raise _refused(
                f"subject.{name}", f"The placeholders are {known}.", code="profile.subject"
            )
        sample[name] = text
    return sample


def _refused(field_name: str, detail: str, *, code: str) -> PKIError:
    return PKIError(detail, code=code, field=field_name)
