"""The ACME CAs that CertMate knows by name, as data. Knows no Django and no certbot."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from certmate.core.errors import InvalidRequest
from certmate.pki.keys import ACME_KEY_TYPES

KEY_TYPES = tuple(key_type.value for key_type in ACME_KEY_TYPES)
RSA_TYPES = tuple(name for name in KEY_TYPES if name.startswith("rsa"))
EC_TYPES = tuple(name for name in KEY_TYPES if name.startswith("ec"))

CONCURRENT = 8
"""Orders that are carried out at one account at the same time; no CA is known to mind so many."""


@dataclass(frozen=True)
class Limit:
    """So many in a period: new orders, orders for the same set of names, failures of one name."""

    kind: Literal["order", "set", "failure"]
    count: int
    per: timedelta


@dataclass(frozen=True)
class CAProfile:
    """A kind of certificate that the CA lets one choose (draft-ietf-acme-profiles): how long it is
    valid, how many names it may have, and whether IP addresses may be among them.
    """

    name: str
    lifetime: timedelta
    max_names: int
    ip_addresses: bool = False


@dataclass(frozen=True)
class CAProvider:
    """One kind of CA account.

    `directory_url` is empty where the account itself says it; under one of `directory_hosts` it may
    say another one, such as that of a region. `eab` says whether the CA binds new accounts to an
    account of its own (RFC 8555 §7.3.4). `staging` CAs issue what no browser trusts. `types` are
    how far it looks at who asks, `profiles` the kinds of certificate that it is known to offer (its
    directory has the last word), `limits` what it is known to refuse beyond.
    """

    slug: str
    label: str
    directory_url: str
    docs_url: str
    eab: Literal["none", "optional", "required"] = "required"
    staging: bool = False
    wildcard: bool = True
    ip_addresses: bool = False
    key_types: tuple[str, ...] = KEY_TYPES
    types: tuple[str, ...] = ("DV",)
    profiles: tuple[CAProfile, ...] = ()
    limits: tuple[Limit, ...] = ()
    directory_hosts: tuple[str, ...] = ()

    def profile(self, name: str) -> CAProfile | None:
        """What is known of the profile of that name."""
        return next((profile for profile in self.profiles if profile.name == name), None)


_HOUR, _WEEK = timedelta(hours=1), timedelta(days=7)
# https://letsencrypt.org/docs/profiles/ of September 2026; tlsclient is no longer offered.
_LETSENCRYPT_PROFILES = (
    CAProfile("classic", timedelta(days=90), 100),
    CAProfile("tlsserver", timedelta(days=45), 25),
    CAProfile("shortlived", timedelta(hours=160), 25, ip_addresses=True),
)

_TABLE = (
    CAProvider(
        slug="letsencrypt",
        label="Let's Encrypt",
        directory_url="https://acme-v02.api.letsencrypt.org/directory",
        docs_url="https://letsencrypt.org/docs/rate-limits/",
        eab="none",
        profiles=_LETSENCRYPT_PROFILES,
        limits=(
            Limit("order", 300, 3 * _HOUR),
            Limit("set", 5, _WEEK),
            Limit("failure", 5, _HOUR),
        ),
    ),
    CAProvider(
        slug="letsencrypt-staging",
        label="Let's Encrypt (staging, for tests)",
        directory_url="https://acme-staging-v02.api.letsencrypt.org/directory",
        docs_url="https://letsencrypt.org/docs/staging-environment/",
        eab="none",
        staging=True,
        profiles=_LETSENCRYPT_PROFILES,
        limits=(Limit("order", 1500, 3 * _HOUR), Limit("failure", 200, _HOUR)),
    ),
    CAProvider(
        slug="actalis",
        label="Actalis",
        directory_url="https://acme-api.actalis.com/acme/directory",
        docs_url="https://guide.actalis.com/ssl/activation/acme",
        wildcard=False,
    ),
    CAProvider(
        slug="digicert",
        label="DigiCert",
        directory_url="https://one.digicert.com/mpki/api/v1/acme/v2/directory",
        docs_url="https://docs.digicert.com/en/trust-lifecycle-manager/enroll-and-manage-certificates"
        "/certificate-automation/acme.html",
        types=("DV", "OV", "EV"),
        directory_hosts=("digicert.com",),
    ),
    CAProvider(
        slug="globalsign",
        label="GlobalSign Atlas",
        directory_url="https://emea.acme.atlas.globalsign.com/directory",
        docs_url="https://www.globalsign.com/en/acme-automated-certificate-management",
        types=("DV", "OV"),
        directory_hosts=("acme.atlas.globalsign.com",),
    ),
    CAProvider(
        slug="google",
        label="Google Trust Services",
        directory_url="https://dv.acme-v02.api.pki.goog/directory",
        docs_url="https://cloud.google.com/certificate-manager/docs/public-ca",
    ),
    CAProvider(
        slug="google-test",
        label="Google Trust Services (for tests)",
        directory_url="https://dv.acme-v02.test-api.pki.goog/directory",
        docs_url="https://cloud.google.com/certificate-manager/docs/public-ca",
        staging=True,
    ),
    CAProvider(
        slug="sectigo",
        label="Sectigo (DV)",
        directory_url="https://acme.sectigo.com/v2/DV",
        docs_url="https://docs.sectigo.com/scm/scm-administrator/understanding-acme",
        directory_hosts=("sectigo.com",),
    ),
    CAProvider(
        slug="sectigo-ov",
        label="Sectigo (OV)",
        directory_url="https://acme.sectigo.com/v2/OV",
        docs_url="https://docs.sectigo.com/scm/scm-administrator/understanding-acme",
        types=("OV",),
        directory_hosts=("sectigo.com",),
    ),
    CAProvider(
        slug="sectigo-ev",
        label="Sectigo (EV)",
        directory_url="https://acme.sectigo.com/v2/EV",
        docs_url="https://docs.sectigo.com/scm/scm-administrator/understanding-acme",
        # A wildcard cannot be validated to that degree (EV Guidelines §9.8.1).
        wildcard=False,
        types=("EV",),
        directory_hosts=("sectigo.com",),
    ),
    CAProvider(
        slug="sslcom",
        label="SSL.com (RSA)",
        directory_url="https://acme.ssl.com/sslcom-dv-rsa",
        docs_url="https://www.ssl.com/guide/ssl-tls-certificate-issuance-and-revocation-with-acme/",
        key_types=RSA_TYPES,
    ),
    CAProvider(
        slug="sslcom-ecc",
        label="SSL.com (ECC)",
        directory_url="https://acme.ssl.com/sslcom-dv-ecc",
        docs_url="https://www.ssl.com/guide/ssl-tls-certificate-issuance-and-revocation-with-acme/",
        key_types=EC_TYPES,
    ),
    CAProvider(
        slug="zerossl",
        label="ZeroSSL",
        directory_url="https://acme.zerossl.com/v2/DV90",
        docs_url="https://zerossl.com/documentation/acme/",
    ),
    CAProvider(
        slug="step-ca",
        label="step-ca (private CA)",
        directory_url="",
        docs_url="https://smallstep.com/docs/step-ca/acme-basics/",
        eab="optional",
        ip_addresses=True,
    ),
    CAProvider(
        slug="acme",
        label="Any ACME directory (private CA)",
        directory_url="",
        docs_url="https://www.rfc-editor.org/rfc/rfc8555",
        eab="optional",
        ip_addresses=True,
    ),
)

_PROFILE = re.compile(r"[!-~]{1,64}")

CATALOGUE: dict[str, CAProvider] = {entry.slug: entry for entry in _TABLE}


def is_profile(name: object) -> bool:
    """Whether a CA's profile can have this name: printable ASCII without blanks, not too long."""
    return isinstance(name, str) and _PROFILE.fullmatch(name) is not None


def get(slug: str, *, field: str = "provider") -> CAProvider:
    """The CA of that slug. Raises InvalidRequest (`acme.unknown_provider`)."""
    if slug not in CATALOGUE:
        raise InvalidRequest(
            f"Unknown CA. Known: {', '.join(CATALOGUE)}.", code="acme.unknown_provider", field=field
        )
    return CATALOGUE[slug]
