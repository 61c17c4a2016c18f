"""The providers that certbot's own plugins speak to."""

from providers.dns import rules
from providers.dns.provider import DNSProvider, choice, secret, value

TSIG_ALGORITHMS = (
    "HMAC-SHA256",
    "HMAC-SHA512",
    "HMAC-SHA384",
    "HMAC-SHA224",
    "HMAC-SHA1",
    "HMAC-MD5",
)


def _docs(package: str) -> str:
    return f"https://{package}.readthedocs.io/"


RFC2136 = DNSProvider(
    slug="rfc2136",
    label="RFC 2136 dynamic update (BIND, Knot, PowerDNS, …)",
    route="official",
    authenticator="dns-rfc2136",
    package="certbot-dns-rfc2136",
    credentials=(
        value(
            "nameserver",
            "dns_rfc2136_server",
            "DNS server",
            "IPv4 or IPv6 address of the primary server.",
        ),
        value("port", "dns_rfc2136_port", "Port", "Usually 53.", default="53"),
        value("tsig_key", "dns_rfc2136_name", "TSIG key name", "As the server calls it."),
        secret(
            "tsig_secret", "dns_rfc2136_secret", "TSIG secret", "Base64, as made by tsig-keygen."
        ),
        # Always written out: the plugin's own default is HMAC-MD5.
        choice(
            "tsig_algorithm", "dns_rfc2136_algorithm", "TSIG algorithm", choices=TSIG_ALGORITHMS
        ),
        choice(
            "sign_query",
            "dns_rfc2136_sign_query",
            "Sign the SOA query",
            "Needed where a BIND view is chosen by the key.",
        ),
    ),
    propagation_seconds=60,
    docs_url=_docs("certbot-dns-rfc2136"),
    primary=("nameserver", "port"),
    check=rules.rfc2136,
)

CLOUDFLARE = DNSProvider(
    slug="cloudflare",
    label="Cloudflare",
    route="official",
    authenticator="dns-cloudflare",
    package="certbot-dns-cloudflare",
    credentials=(
        secret(
            "api_token",
            "dns_cloudflare_api_token",
            "API token",
            "Recommended: a token with Zone:DNS:Edit on the zones.",
            required=False,
        ),
        value(
            "email",
            "dns_cloudflare_email",
            "Account e-mail",
            "Only with the global API key.",
            required=False,
        ),
        secret(
            "api_key",
            "dns_cloudflare_api_key",
            "Global API key",
            "Only with the e-mail.",
            required=False,
        ),
    ),
    propagation_seconds=10,
    docs_url=_docs("certbot-dns-cloudflare"),
    check=rules.cloudflare,
)

_ENDPOINTS = ("ovh-eu", "ovh-ca", "ovh-us")

TABLE = (
    RFC2136,
    CLOUDFLARE,
    DNSProvider(
        slug="digitalocean",
        label="DigitalOcean",
        route="official",
        authenticator="dns-digitalocean",
        package="certbot-dns-digitalocean",
        credentials=(
            secret("api_token", "dns_digitalocean_token", "API token", "Scope: domain, write."),
        ),
        propagation_seconds=10,
        docs_url=_docs("certbot-dns-digitalocean"),
    ),
    DNSProvider(
        slug="dnsimple",
        label="DNSimple",
        route="official",
        authenticator="dns-dnsimple",
        package="certbot-dns-dnsimple",
        credentials=(secret("token", "dns_dnsimple_token", "API access token"),),
        propagation_seconds=30,
        docs_url=_docs("certbot-dns-dnsimple"),
    ),
    DNSProvider(
        slug="dnsmadeeasy",
        label="DNS Made Easy",
        route="official",
        authenticator="dns-dnsmadeeasy",
        package="certbot-dns-dnsmadeeasy",
        credentials=(
            secret("api_key", "dns_dnsmadeeasy_api_key", "API key"),
            secret("secret_key", "dns_dnsmadeeasy_secret_key", "Secret key"),
        ),
        propagation_seconds=60,
        docs_url=_docs("certbot-dns-dnsmadeeasy"),
    ),
    DNSProvider(
        slug="gehirn",
        label="Gehirn Infrastructure Service",
        route="official",
        authenticator="dns-gehirn",
        package="certbot-dns-gehirn",
        credentials=(
            secret("api_token", "dns_gehirn_api_token", "API token"),
            secret("api_secret", "dns_gehirn_api_secret", "API secret"),
        ),
        propagation_seconds=30,
        docs_url=_docs("certbot-dns-gehirn"),
    ),
    DNSProvider(
        slug="linode",
        label="Linode (Akamai Connected Cloud)",
        route="official",
        authenticator="dns-linode",
        package="certbot-dns-linode",
        credentials=(
            secret("api_key", "dns_linode_key", "Personal access token", "Scope: domains, write."),
        ),
        propagation_seconds=120,
        docs_url=_docs("certbot-dns-linode"),
    ),
    DNSProvider(
        slug="luadns",
        label="LuaDNS",
        route="official",
        authenticator="dns-luadns",
        package="certbot-dns-luadns",
        credentials=(
            value("email", "dns_luadns_email", "Account e-mail"),
            secret("token", "dns_luadns_token", "API token"),
        ),
        propagation_seconds=30,
        docs_url=_docs("certbot-dns-luadns"),
    ),
    DNSProvider(
        slug="nsone",
        label="NS1 (IBM)",
        route="official",
        authenticator="dns-nsone",
        package="certbot-dns-nsone",
        credentials=(secret("api_key", "dns_nsone_api_key", "API key"),),
        propagation_seconds=30,
        docs_url=_docs("certbot-dns-nsone"),
    ),
    DNSProvider(
        slug="ovh",
        label="OVHcloud",
        route="official",
        authenticator="dns-ovh",
        package="certbot-dns-ovh",
        credentials=(
            choice("endpoint", "dns_ovh_endpoint", "Endpoint", choices=_ENDPOINTS),
            secret("application_key", "dns_ovh_application_key", "Application key"),
            secret("application_secret", "dns_ovh_application_secret", "Application secret"),
            secret("consumer_key", "dns_ovh_consumer_key", "Consumer key"),
        ),
        propagation_seconds=120,
        docs_url=_docs("certbot-dns-ovh"),
    ),
    DNSProvider(
        slug="sakuracloud",
        label="Sakura Cloud",
        route="official",
        authenticator="dns-sakuracloud",
        package="certbot-dns-sakuracloud",
        credentials=(
            secret("api_token", "dns_sakuracloud_api_token", "API token"),
            secret("api_secret", "dns_sakuracloud_api_secret", "API secret"),
        ),
        propagation_seconds=90,
        docs_url=_docs("certbot-dns-sakuracloud"),
    ),
)
