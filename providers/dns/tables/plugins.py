"""The providers that a maintained plugin of somebody else speaks to."""

from providers.dns import rules
from providers.dns.provider import SWITCH, DNSProvider, choice, file, secret, url, value


def _docs(package: str) -> str:
    return f"https://pypi.org/project/{package}/"


def _token(  # noqa: PLR0917 - a row of a table
    slug: str, label: str, package: str, key: str, seconds: int, name: str, help: str = "", /
) -> DNSProvider:
    """A provider that wants one token; most are like this."""
    return DNSProvider(
        slug=slug,
        label=label,
        route="plugin",
        authenticator=package.removeprefix("certbot-"),
        package=package,
        credentials=(secret("api_token", key, name, help),),
        propagation_seconds=seconds,
        docs_url=_docs(package),
    )


HETZNER = "Read & write token of the Cloud project that has the zone; one of the old DNS console \
no longer works."

TABLE = (
    _token(
        "arvancloud",
        "ArvanCloud",
        "certbot-dns-arvan",
        "dns_arvan_key",
        60,
        "API key",
        "Of a machine user; the word Apikey is added.",
    ),
    DNSProvider(
        slug="desec",
        label="deSEC",
        route="plugin",
        authenticator="dns-desec",
        package="certbot-dns-desec",
        credentials=(
            secret("api_token", "dns_desec_token", "API token"),
            url(
                "endpoint",
                "dns_desec_endpoint",
                "API endpoint",
                default="https://desec.io/api/v1",
            ),
        ),
        propagation_seconds=120,
        docs_url=_docs("certbot-dns-desec"),
    ),
    DNSProvider(
        slug="duckdns",
        label="Duck DNS",
        route="plugin",
        authenticator="dns-duckdns",
        package="certbot-dns-duckdns",
        credentials=(secret("api_token", "dns_duckdns_token", "Token"),),
        arguments=("--dns-duckdns-no-txt-restore",),
        capacity=1,
        propagation_seconds=60,
        docs_url=_docs("certbot-dns-duckdns"),
    ),
    _token("dynu", "Dynu", "certbot-dns-dynu", "dns_dynu_auth_token", 60, "API key"),
    DNSProvider(
        slug="gandi",
        label="Gandi LiveDNS",
        route="plugin",
        authenticator="dns-gandi",
        package="certbot-dns-gandi",
        credentials=(
            secret("api_token", "dns_gandi_token", "Personal access token"),
            value(
                "sharing_id",
                "dns_gandi_sharing_id",
                "Organisation ID",
                "If several organisations share the account.",
                required=False,
            ),
        ),
        propagation_seconds=60,
        docs_url=_docs("certbot-dns-gandi"),
    ),
    _token(
        "godaddy-v3",
        "GoDaddy (personal access token)",
        "certbot-dns-godaddy-v3",
        "dns_godaddy_v3_token",
        60,
        "Personal access token",
        "Scopes domains.domain:read and domains.dns:update.",
    ),
    _token(
        "hetzner",
        "Hetzner DNS",
        "certbot-dns-hetzner-cloud",
        "dns_hetzner_cloud_api_token",
        60,
        "API token",
        HETZNER,
    ),
    _token(
        "hetzner-cloud",
        "Hetzner Cloud DNS",
        "certbot-dns-hetzner-cloud",
        "dns_hetzner_cloud_api_token",
        60,
        "API token",
        HETZNER,
    ),
    DNSProvider(
        slug="infoblox",
        label="Infoblox",
        route="plugin",
        authenticator="dns-infoblox",
        package="certbot-dns-infoblox",
        credentials=(
            value("hostname", "dns_infoblox_hostname", "Grid host"),
            value("username", "dns_infoblox_username", "User name"),
            secret("password", "dns_infoblox_password", "Password"),
            value("view", "dns_infoblox_view", "DNS view", required=False),
            file(
                "ca_bundle",
                "dns_infoblox_ca_bundle",
                "Trusted certificates (PEM)",
                "The root of a private CA.",
                required=False,
                is_trust=True,
            ),
            choice("ssl_verify", "dns_infoblox_ssl_verify", "Verify TLS", choices=SWITCH[::-1]),
        ),
        propagation_seconds=60,
        docs_url=_docs("certbot-dns-infoblox"),
        check=lambda values: rules.host("hostname", values["hostname"]),
    ),
    _token(
        "infomaniak",
        "Infomaniak",
        "certbot-dns-infomaniak",
        "dns_infomaniak_token",
        120,
        "API token",
        "Scope: domain.",
    ),
    DNSProvider(
        slug="inwx",
        label="INWX",
        route="plugin",
        authenticator="dns-inwx",
        package="certbot-dns-inwx",
        credentials=(
            value("username", "dns_inwx_username", "User name"),
            secret("password", "dns_inwx_password", "Password"),
            secret(
                "shared_secret",
                "dns_inwx_shared_secret",
                "TOTP secret",
                "Only where two-factor sign-in is on.",
                required=False,
            ),
            url(
                "url",
                "dns_inwx_url",
                "API URL",
                default="https://api.domrobot.com/xmlrpc/",
            ),
        ),
        # The plugin wants the key written, and takes this word for none.
        fixed=(("dns_inwx_shared_secret", "optional"),),
        propagation_seconds=60,
        docs_url=_docs("certbot-dns-inwx"),
    ),
    DNSProvider(
        slug="ionos",
        label="IONOS",
        route="plugin",
        authenticator="dns-ionos",
        package="certbot-dns-ionos",
        credentials=(
            value("prefix", "dns_ionos_prefix", "Public prefix", "The part before the dot."),
            secret("secret", "dns_ionos_secret", "Secret", "The part after the dot."),
            url(
                "endpoint",
                "dns_ionos_endpoint",
                "API endpoint",
                default="https://api.hosting.ionos.com",
            ),
        ),
        propagation_seconds=60,
        docs_url=_docs("certbot-dns-ionos"),
    ),
    DNSProvider(
        slug="netcup",
        label="netcup",
        route="plugin",
        authenticator="dns-netcup",
        package="certbot-dns-netcup",
        credentials=(
            secret(
                "api_v1_key",
                "dns_netcup_api_v1_key",
                "API key (new)",
                "Alone, or the three values of the old API.",
                required=False,
            ),
            value("customer_id", "dns_netcup_customer_id", "Customer number", required=False),
            secret("api_key", "dns_netcup_api_key", "API key (old)", required=False),
            secret("api_password", "dns_netcup_api_password", "API password (old)", required=False),
        ),
        propagation_seconds=900,
        docs_url=_docs("certbot-dns-netcup"),
        check=rules.one_of(("api_v1_key",), ("customer_id", "api_key", "api_password")),
    ),
    _token("njalla", "Njalla", "certbot-dns-njalla", "dns_njalla_token", 100, "API token"),
    DNSProvider(
        slug="plesk",
        label="Plesk",
        route="plugin",
        authenticator="dns-plesk",
        package="certbot-dns-plesk",
        credentials=(
            url("api_url", "dns_plesk_api_url", "Panel URL", "Such as https://host:8443."),
            value("username", "dns_plesk_username", "User name"),
            secret("password", "dns_plesk_password", "Password"),
        ),
        propagation_seconds=60,
        docs_url=_docs("certbot-dns-plesk"),
    ),
    DNSProvider(
        slug="porkbun",
        label="Porkbun",
        route="plugin",
        authenticator="dns-porkbun",
        package="certbot-dns-porkbun",
        credentials=(
            secret("api_key", "dns_porkbun_key", "API key", "It begins with pk1_."),
            secret("secret_key", "dns_porkbun_secret", "Secret key", "It begins with sk1_."),
        ),
        propagation_seconds=600,
        docs_url=_docs("certbot-dns-porkbun"),
    ),
    DNSProvider(
        slug="regru",
        label="reg.ru",
        route="plugin",
        authenticator="dns-regru",
        package="certbot-dns-regru",
        credentials=(
            value("username", "dns_regru_username", "User name"),
            secret("password", "dns_regru_password", "API password"),
        ),
        propagation_seconds=180,
        docs_url=_docs("certbot-dns-regru"),
    ),
    _token("simply", "Simply.com", "certbot-dns-simply", "dns_simply_api_key", 60, "API key"),
    DNSProvider(
        slug="tencentcloud",
        label="Tencent Cloud DNS (DNSPod)",
        route="plugin",
        authenticator="dns-tencentcloud",
        package="certbot-dns-tencentcloud",
        credentials=(
            value("secret_id", "dns_tencentcloud_secret_id", "Secret ID"),
            secret("secret_key", "dns_tencentcloud_secret_key", "Secret key"),
        ),
        propagation_seconds=60,
        docs_url=_docs("certbot-dns-tencentcloud"),
    ),
    DNSProvider(
        slug="websupport",
        label="Websupport",
        route="plugin",
        authenticator="dns-websupport",
        package="certbot-dns-websupport",
        credentials=(
            value("identifier", "dns_websupport_identifier", "API key (identifier)"),
            secret("secret_key", "dns_websupport_secret_key", "Secret key"),
        ),
        propagation_seconds=60,
        docs_url=_docs("certbot-dns-websupport"),
    ),
)
