"""The DNS providers that CertMate can publish a DNS-01 answer at, as data.

One entry is all that a provider needs: forms, API schema, masking, docs and the credentials that
certbot's plugin reads derive from it. It knows no Django, no certbot and no vendor's SDK.
"""

import re

from certmate.core.errors import InvalidRequest
from providers.dns.provider import DNSProvider
from providers.dns.tables import clouds, lego, multi, official, own, plugins

CATALOGUE: dict[str, DNSProvider] = {
    entry.slug: entry
    for entry in sorted(
        (*official.TABLE, *clouds.TABLE, *plugins.TABLE, *multi.TABLE, *lego.TABLE, *own.TABLE),
        key=lambda entry: entry.label.lower(),
    )
}

WELL_KNOWN = (
    *("cloudflare", "route53", "azure", "google", "digitalocean", "hetzner-cloud", "ovh"),
    *("godaddy", "namecheap", "gandi", "ionos", "linode", "vultr", "edgedns", "porkbun"),
    *("infomaniak", "nsone", "dnsimple", "desec", "duckdns"),
    *("rfc2136", "powerdns", "acme-dns", "script"),
)
"""What most people look for, in the order in which it is offered: hosts, then one's own servers."""

_SLUG = re.compile(r"[a-z0-9-]{1,50}")


def get(slug: str, *, field: str = "provider") -> DNSProvider:
    """The provider of that slug. Raises InvalidRequest (`dns.unknown_provider`)."""
    if slug not in CATALOGUE:
        shown = slug if _SLUG.fullmatch(slug) else "that name"
        raise InvalidRequest(
            f"No DNS provider {shown}. GET /api/dns-providers lists the {len(CATALOGUE)} that "
            "there are.",
            code="dns.unknown_provider",
            field=field,
        )
    return CATALOGUE[slug]
