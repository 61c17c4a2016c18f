"""The ACME CAs that CertMate knows by name, as data. Knows no Django and no certbot."""

from dataclasses import dataclass
from typing import Literal

from certmate.core.errors import InvalidRequest
from certmate.pki.keys import ACME_KEY_TYPES

KEY_TYPES = tuple(key_type.value for key_type in ACME_KEY_TYPES)


@dataclass(frozen=True)
class CAProvider:
    """One kind of CA account.

    `directory_url` is empty where the account itself says it. `eab` says whether the CA binds new
    accounts to an account of its own (RFC 8555 §7.3.4). `staging` CAs issue what no browser trusts.
    """

    slug: str
    label: str
    directory_url: str
    eab: Literal["none", "optional", "required"]
    staging: bool
    wildcard: bool
    ip_addresses: bool
    key_types: tuple[str, ...]
    docs_url: str


LETSENCRYPT = CAProvider(
    slug="letsencrypt",
    label="Let's Encrypt",
    directory_url="https://acme-v02.api.letsencrypt.org/directory",
    eab="none",
    staging=False,
    wildcard=True,
    # Only under a profile that this entry does not ask for.
    ip_addresses=False,
    key_types=KEY_TYPES,
    docs_url="https://letsencrypt.org/docs/",
)

LETSENCRYPT_STAGING = CAProvider(
    slug="letsencrypt-staging",
    label="Let's Encrypt (staging, for tests)",
    directory_url="https://acme-staging-v02.api.letsencrypt.org/directory",
    eab="none",
    staging=True,
    wildcard=True,
    ip_addresses=False,
    key_types=KEY_TYPES,
    docs_url="https://letsencrypt.org/docs/staging-environment/",
)

ANY_ACME = CAProvider(
    slug="acme",
    label="Any ACME directory (private CA)",
    directory_url="",
    eab="optional",
    staging=False,
    wildcard=True,
    ip_addresses=True,
    key_types=KEY_TYPES,
    docs_url="https://www.rfc-editor.org/rfc/rfc8555",
)

CATALOGUE: dict[str, CAProvider] = {p.slug: p for p in (LETSENCRYPT, LETSENCRYPT_STAGING, ANY_ACME)}


def get(slug: str, *, field: str = "provider") -> CAProvider:
    """The CA of that slug. Raises InvalidRequest (`acme.unknown_provider`)."""
    if slug not in CATALOGUE:
        raise InvalidRequest(
            f"Unknown CA. Known: {', '.join(CATALOGUE)}.", code="acme.unknown_provider", field=field
        )
    return CATALOGUE[slug]
