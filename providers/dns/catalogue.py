"""The DNS providers that CertMate can publish a DNS-01 answer at, as data.

One entry is all that a provider needs: forms, API schema, masking, docs and the credentials that
certbot's plugin reads derive from it. It knows no Django, no certbot and no vendor's SDK.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from certmate.core import parameters
from certmate.core.errors import InvalidRequest
from certmate.core.parameters import Parameter
from providers.dns import rules

Transport = Literal["ini", "environment", "hook"]


@dataclass(frozen=True)
class DNSProvider:
    """One kind of DNS account.

    `transport` says how the credentials reach certbot: an INI file (`keys` maps a parameter to its
    key there), the environment of the child (`keys` maps to a variable) or a hook script.
    `propagation_seconds` is None where the plugin itself waits until the records are served.
    `ambient` names the variables that may come from the worker's own environment when the account
    asks for it. `check` refuses combinations that no single parameter can see.
    """

    slug: str
    label: str
    transport: Transport
    authenticator: str
    package: str
    parameters: tuple[Parameter, ...]
    keys: Mapping[str, str]
    propagation_seconds: int | None
    docs_url: str
    ambient: tuple[str, ...] = ()
    check: Callable[[Mapping[str, str]], None] = lambda values: None

    def validate(self, values: Mapping[str, Any], *, field: str = "credentials") -> dict[str, str]:
        """The credentials, complete and clean. Raises InvalidRequest naming the wrong one."""
        clean = parameters.validate(self.parameters, values, field=field)
        try:
            self.check(clean)
        except rules.Refused as refusal:
            raise InvalidRequest(
                refusal.detail, code="parameters.invalid", field=f"{field}.{refusal.parameter}"
            ) from None
        return clean


TSIG_ALGORITHMS = (
    "HMAC-SHA256",
    "HMAC-SHA512",
    "HMAC-SHA384",
    "HMAC-SHA224",
    "HMAC-SHA1",
    "HMAC-MD5",
)

RFC2136 = DNSProvider(
    slug="rfc2136",
    label="RFC 2136 dynamic update (BIND, Knot, PowerDNS, …)",
    transport="ini",
    authenticator="dns-rfc2136",
    package="certbot-dns-rfc2136",
    parameters=(
        Parameter("nameserver", "DNS server", "IPv4 or IPv6 address of the primary server."),
        Parameter("port", "Port", "Usually 53.", default="53"),
        Parameter("tsig_key", "TSIG key name", "As in the server's configuration."),
        Parameter("tsig_secret", "TSIG secret", "Base64, as made by tsig-keygen.", secret=True),
        # Always written out: the plugin's own default is HMAC-MD5.
        Parameter(
            "tsig_algorithm", "TSIG algorithm", default="HMAC-SHA256", choices=TSIG_ALGORITHMS
        ),
        Parameter(
            "sign_query",
            "Sign the SOA query",
            "Needed where a BIND view is chosen by the key.",
            default="false",
            choices=("false", "true"),
        ),
    ),
    keys={
        "nameserver": "dns_rfc2136_server",
        "port": "dns_rfc2136_port",
        "tsig_key": "dns_rfc2136_name",
        "tsig_secret": "dns_rfc2136_secret",
        "tsig_algorithm": "dns_rfc2136_algorithm",
        "sign_query": "dns_rfc2136_sign_query",
    },
    propagation_seconds=60,
    docs_url="https://certbot-dns-rfc2136.readthedocs.io/",
    check=rules.rfc2136,
)

CLOUDFLARE = DNSProvider(
    slug="cloudflare",
    label="Cloudflare",
    transport="ini",
    authenticator="dns-cloudflare",
    package="certbot-dns-cloudflare",
    parameters=(
        Parameter(
            "api_token",
            "API token",
            "Recommended: a token with Zone:DNS:Edit on the zones.",
            required=False,
            secret=True,
        ),
        Parameter("email", "Account e-mail", "Only with the global API key.", required=False),
        Parameter(
            "api_key", "Global API key", "Only with the e-mail.", required=False, secret=True
        ),
    ),
    keys={
        "api_token": "dns_cloudflare_api_token",
        "email": "dns_cloudflare_email",
        "api_key": "dns_cloudflare_api_key",
    },
    propagation_seconds=10,
    docs_url="https://certbot-dns-cloudflare.readthedocs.io/",
    check=rules.cloudflare,
)

ROUTE53 = DNSProvider(
    slug="route53",
    label="AWS Route 53",
    transport="environment",
    authenticator="dns-route53",
    package="certbot-dns-route53",
    parameters=(
        Parameter("access_key_id", "Access key ID", required=False),
        Parameter("secret_access_key", "Secret access key", required=False, secret=True),
        Parameter("session_token", "Session token", required=False, secret=True),
        Parameter("region", "Region", "Route 53 itself needs none.", required=False),
        Parameter(
            "endpoint_url",
            "Endpoint",
            "Only for a VPC endpoint or a stand-in of AWS.",
            required=False,
        ),
        Parameter(
            "use_ambient_credentials",
            "Use the machine's own AWS role",
            "Take the credentials that the worker has (instance role, pod role, profile).",
            default="false",
            choices=("false", "true"),
        ),
    ),
    keys={
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
        "region": "AWS_DEFAULT_REGION",
        "endpoint_url": "AWS_ENDPOINT_URL_ROUTE_53",
    },
    propagation_seconds=None,
    docs_url="https://certbot-dns-route53.readthedocs.io/",
    ambient=(
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ),
    check=rules.route53,
)

SCRIPT = DNSProvider(
    slug="script",
    label="Custom hook scripts",
    transport="hook",
    authenticator="manual",
    package="certbot",
    parameters=(
        Parameter(
            "auth_hook",
            "Script that publishes",
            "File name in the hooks directory. It gets CERTBOT_DOMAIN and CERTBOT_VALIDATION, "
            "publishes _acme-challenge.DOMAIN and returns when the record is served.",
        ),
        Parameter(
            "cleanup_hook",
            "Script that removes",
            "File name in the hooks directory.",
            required=False,
        ),
        Parameter(
            "environment",
            "Environment",
            "One HOOK_NAME=VALUE a line, given to the scripts.",
            required=False,
            secret=True,
            multiline=True,
        ),
    ),
    keys={},
    propagation_seconds=None,
    docs_url="https://eff-certbot.readthedocs.io/en/stable/using.html#pre-and-post-validation-hooks",
    check=rules.script,
)

CATALOGUE: dict[str, DNSProvider] = {p.slug: p for p in (RFC2136, CLOUDFLARE, ROUTE53, SCRIPT)}

_SLUG = re.compile(r"[a-z0-9-]{1,50}")


def get(slug: str, *, field: str = "provider") -> DNSProvider:
    """The provider of that slug. Raises InvalidRequest (`dns.unknown_provider`)."""
    if slug not in CATALOGUE:
        shown = slug if _SLUG.fullmatch(slug) else "that name"
        raise InvalidRequest(
            f"No DNS provider {shown}. Known: {', '.join(CATALOGUE)}.",
            code="dns.unknown_provider",
            field=field,
        )
    return CATALOGUE[slug]
