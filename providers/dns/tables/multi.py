"""Providers that the multi-provider plugin reaches, where more is to be said than variables.

lego's name of a provider, which may differ from the slug here, is written into the INI file.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping

from certmate.core.parameters import Parameter
from providers.dns import rules
from providers.dns.provider import MULTI, Credential, DNSProvider, choice, file, secret, url, value


def through_lego(
    slug: str,
    label: str,
    code: str,
    *credentials: Credential,
    seconds: int = 60,
    capacity: int | None = None,
    fixed: tuple[tuple[str, str], ...] = (),
    derive: Callable[[Mapping[str, str]], dict[str, str]] = lambda values: {},
    check: Callable[[Mapping[str, str]], None] = lambda values: None,
) -> DNSProvider:
    """An entry whose route is the multi-provider plugin; `code` is what lego calls the provider."""
    return DNSProvider(
        slug=slug,
        label=label,
        route="multi",
        authenticator="dns-multi",
        package=MULTI,
        credentials=credentials,
        fixed=(("dns_multi_provider", code), *fixed),
        derive=derive,
        capacity=capacity,
        propagation_seconds=seconds,
        docs_url=f"https://go-acme.github.io/lego/dns/{code}/",
        check=check,
    )


TABLE = (
    through_lego(
        "powerdns",
        "PowerDNS",
        "pdns",
        url("api_url", "PDNS_API_URL", "API URL", "Such as https://ns.example.com:8081."),
        secret("api_key", "PDNS_API_KEY", "API key"),
        value("server_name", "PDNS_SERVER_NAME", "Server ID", default="localhost"),
        # Where lego has to find it out, a refused key looks like a missing zone.
        fixed=(("PDNS_API_VERSION", "1"),),
    ),
    through_lego(
        "solidserver",
        "EfficientIP SOLIDserver",
        "efficientip",
        value("host", "EFFICIENTIP_HOSTNAME", "Host", "It is called by https."),
        value("username", "EFFICIENTIP_USERNAME", "User name"),
        secret("password", "EFFICIENTIP_PASSWORD", "Password"),
        value("dns_name", "EFFICIENTIP_DNS_NAME", "DNS server", "Such as dns.smart."),
        value("view_name", "EFFICIENTIP_VIEW_NAME", "View", required=False),
        choice("insecure_skip_verify", "EFFICIENTIP_INSECURE_SKIP_VERIFY", "Do not verify its TLS"),
        check=lambda values: rules.host("host", values["host"]),
    ),
    through_lego(
        "edgedns",
        "Akamai Edge DNS",
        "edgedns",
        secret("client_token", "AKAMAI_CLIENT_TOKEN", "Client token"),
        secret("client_secret", "AKAMAI_CLIENT_SECRET", "Client secret"),
        secret("access_token", "AKAMAI_ACCESS_TOKEN", "Access token"),
        value("host", "AKAMAI_HOST", "API host", "It ends in .luna.akamaiapis.net."),
        value(
            "account_switch_key",
            "AKAMAI_ACCOUNT_SWITCH_KEY",
            "Account switch key",
            required=False,
        ),
        seconds=180,
        check=lambda values: rules.host("host", values["host"]),
    ),
    through_lego(
        "namecheap",
        "Namecheap",
        "namecheap",
        value("username", "NAMECHEAP_API_USER", "API user"),
        secret("api_key", "NAMECHEAP_API_KEY", "API key", "It works from listed addresses only."),
        choice("sandbox", "NAMECHEAP_SANDBOX", "Sandbox"),
        seconds=1200,
    ),
    through_lego(
        "vultr",
        "Vultr",
        "vultr",
        secret("api_key", "VULTR_API_KEY", "API key", "It works from listed addresses only."),
    ),
    through_lego(
        "godaddy",
        "GoDaddy (key and secret)",
        "godaddy",
        secret("api_key", "GODADDY_API_KEY", "API key"),
        secret("secret", "GODADDY_API_SECRET", "API secret"),
        seconds=120,
    ),
    through_lego(
        "he",
        "Hurricane Electric (free DNS)",
        "hurricane",
        secret(
            "tokens",
            "HURRICANE_TOKENS",
            "Record keys",
            "NAME:KEY for each name, separated by commas. The TXT record _acme-challenge.NAME has "
            "to exist there with dynamic DNS.",
        ),
        seconds=300,
        capacity=1,
    ),
    through_lego(
        "scaleway",
        "Scaleway",
        "scaleway",
        secret("application_token", "SCW_SECRET_KEY", "API secret key", "A UUID."),
        value("project_id", "SCW_PROJECT_ID", "Project ID", required=False),
        seconds=120,
        check=lambda values: rules.uuid("application_token", values["application_token"]),
    ),
    through_lego(
        "transip",
        "TransIP",
        "transip",
        value("account_name", "TRANSIP_ACCOUNT_NAME", "Account name"),
        file("private_key", "TRANSIP_PRIVATE_KEY_PATH", "Private key", "PEM, of the API page."),
        seconds=600,
    ),
    through_lego(
        "lightsail",
        "Amazon Lightsail",
        "lightsail",
        value("access_key_id", "AWS_ACCESS_KEY_ID", "Access key ID"),
        secret("secret_access_key", "AWS_SECRET_ACCESS_KEY", "Secret access key"),
        value("domain", "DNS_ZONE", "Zone", "The one zone of this account."),
        seconds=120,
    ),
    through_lego(
        "yandexcloud",
        "Yandex Cloud",
        "yandexcloud",
        Credential(
            Parameter(
                "service_account_key",
                "Authorized key",
                "The JSON document of a service account that has the role dns.admin.",
                secret=True,
                multiline=True,
            ),
            "YANDEX_CLOUD_IAM_TOKEN",
        ),
        value("folder_id", "YANDEX_CLOUD_FOLDER_ID", "Folder ID"),
        # lego wants the document in base64.
        derive=lambda values: {
            "YANDEX_CLOUD_IAM_TOKEN": b64encode(values["service_account_key"].encode()).decode()
        },
        check=lambda values: rules.json_object(
            "service_account_key", values["service_account_key"]
        ),
    ),
    through_lego(
        "oraclecloud",
        "Oracle Cloud Infrastructure",
        "oraclecloud",
        value("compartment_ocid", "OCI_COMPARTMENT_OCID", "Compartment OCID"),
        value("region", "OCI_REGION", "Region"),
        value("tenancy_ocid", "OCI_TENANCY_OCID", "Tenancy OCID"),
        value("user_ocid", "OCI_USER_OCID", "User OCID"),
        value("fingerprint", "OCI_FINGERPRINT", "Fingerprint", "Of the public key."),
        file("private_key", "OCI_PRIVATE_KEY_PATH", "Private key", "PEM."),
        secret(
            "private_key_password",
            "OCI_PRIVATE_KEY_PASSWORD",
            "Password of the key",
            required=False,
        ),
    ),
    through_lego(
        "joker",
        "Joker.com",
        "joker",
        value("username", "JOKER_USERNAME", "User name", required=False),
        secret("password", "JOKER_PASSWORD", "Password", required=False),
        secret("api_key", "JOKER_API_KEY", "API key", "Of a reseller.", required=False),
        choice("api_mode", "JOKER_API_MODE", "Kind of API", choices=("SVC", "DMAPI")),
        seconds=120,
        check=rules.one_of(("username", "password"), ("api_key",)),
    ),
    through_lego(
        "designate",
        "OpenStack Designate",
        "designate",
        url("auth_url", "OS_AUTH_URL", "Identity endpoint"),
        value("region_name", "OS_REGION_NAME", "Region"),
        value(
            "application_credential_id",
            "OS_APPLICATION_CREDENTIAL_ID",
            "Application credential ID",
        ),
        secret(
            "application_credential_secret",
            "OS_APPLICATION_CREDENTIAL_SECRET",
            "Application credential secret",
        ),
        seconds=600,
    ),
    through_lego(
        "cloudns",
        "ClouDNS",
        "cloudns",
        value("auth_id", "CLOUDNS_AUTH_ID", "API user ID"),
        secret("auth_password", "CLOUDNS_AUTH_PASSWORD", "API password"),
        seconds=180,
    ),
    through_lego(
        "nicmanager",
        "Nicmanager",
        "nicmanager",
        value("email", "NICMANAGER_API_EMAIL", "Account e-mail"),
        secret("password", "NICMANAGER_API_PASSWORD", "Password"),
        secret("otp", "NICMANAGER_API_OTP", "TOTP secret", required=False),
        choice("mode", "NICMANAGER_API_MODE", "Kind of zone", choices=("anycast", "zones")),
        seconds=300,
    ),
    through_lego(
        "liquidweb",
        "Liquid Web",
        "liquidweb",
        value("username", "LWAPI_USERNAME", "User name"),
        secret("password", "LWAPI_PASSWORD", "Password"),
        seconds=120,
    ),
    through_lego(
        "alidns",
        "Alibaba Cloud DNS",
        "alidns",
        value("access_key", "ALICLOUD_ACCESS_KEY", "Access key ID"),
        secret("secret_key", "ALICLOUD_SECRET_KEY", "Access key secret"),
        secret("security_token", "ALICLOUD_SECURITY_TOKEN", "STS token", required=False),
    ),
    through_lego(
        "aliesa",
        "Alibaba Cloud ESA",
        "aliesa",
        value("access_key", "ALIESA_ACCESS_KEY", "Access key ID"),
        secret("secret_key", "ALIESA_SECRET_KEY", "Access key secret"),
        secret("security_token", "ALIESA_SECURITY_TOKEN", "STS token", required=False),
    ),
    through_lego(
        "httpreq",
        "HTTP requests to a server of one's own",
        "httpreq",
        url("endpoint", "HTTPREQ_ENDPOINT", "URL", "/present and /cleanup are added."),
        value("username", "HTTPREQ_USERNAME", "User name", required=False),
        secret("password", "HTTPREQ_PASSWORD", "Password", required=False),
        choice("mode", "HTTPREQ_MODE", "Kind of body", choices=("JSON", "RAW")),
    ),
    through_lego(
        "gigahostno",
        "Gigahost.no",
        "gigahostno",
        value("username", "GIGAHOSTNO_USERNAME", "User name"),
        secret("password", "GIGAHOSTNO_PASSWORD", "Password"),
        secret("secret", "GIGAHOSTNO_SECRET", "TOTP secret", required=False),
    ),
    through_lego(
        "hosttech",
        "Hosttech",
        "hosttech",
        secret("api_key", "HOSTTECH_API_KEY", "API token"),
    ),
    through_lego(
        "selfhostde",
        "SelfHost.de",
        "selfhostde",
        value("username", "SELFHOSTDE_USERNAME", "User name"),
        secret("password", "SELFHOSTDE_PASSWORD", "Password"),
        value(
            "records_mapping",
            "SELFHOSTDE_RECORDS_MAPPING",
            "Record IDs",
            "NAME:ID:ID for each name, separated by commas.",
        ),
        seconds=240,
    ),
)
