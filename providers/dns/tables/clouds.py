"""The clouds that give their machines an identity, so that no secret has to be kept for them."""

from collections.abc import Mapping

from providers.dns import rules
from providers.dns.provider import DNSProvider, choice, file, secret, url, value

AMBIENT_HELP = "Take the credentials that the worker has (instance role, pod role, profile)."

ROUTE53 = DNSProvider(
    slug="route53",
    label="AWS Route 53",
    route="official",
    transport="environment",
    authenticator="dns-route53",
    package="certbot-dns-route53",
    credentials=(
        value("access_key_id", "AWS_ACCESS_KEY_ID", "Access key ID", required=False),
        secret("secret_access_key", "AWS_SECRET_ACCESS_KEY", "Secret access key", required=False),
        secret("session_token", "AWS_SESSION_TOKEN", "Session token", required=False),
        value(
            "region",
            "AWS_DEFAULT_REGION",
            "Region",
            "Route 53 itself needs none.",
            required=False,
        ),
        url(
            "endpoint_url",
            "AWS_ENDPOINT_URL_ROUTE_53",
            "Endpoint",
            "Only for a VPC endpoint or a stand-in of AWS.",
            required=False,
        ),
        choice("use_ambient_credentials", "", "Use the machine's own AWS role", AMBIENT_HELP),
    ),
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

GOOGLE = DNSProvider(
    slug="google",
    label="Google Cloud DNS",
    route="official",
    transport="file",
    authenticator="dns-google",
    package="certbot-dns-google",
    credentials=(
        file(
            "service_account_key",
            "--dns-google-credentials",
            "Service account key",
            "The JSON document that Google made; its account needs the role DNS Administrator.",
            required=False,
        ),
        value(
            "project_id",
            "--dns-google-project",
            "Project",
            "Only if the zone is in another project than the account.",
            required=False,
        ),
        choice(
            "use_ambient_credentials", "", "Use the machine's own service account", AMBIENT_HELP
        ),
    ),
    propagation_seconds=60,
    docs_url="https://certbot-dns-google.readthedocs.io/",
    ambient=("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCE_METADATA_HOST"),
    check=rules.google,
)

AZURE_IDENTITIES = ("service-principal", "managed-identity", "workload-identity")


def _azure(values: Mapping[str, str]) -> dict[str, str]:
    group = f"/subscriptions/{values['subscription_id']}/resourceGroups/{values['resource_group']}"
    made = {
        f"dns_azure_zone{number}": f"{zone}:{group}"
        for number, zone in enumerate(rules.listed(values["zone"]), start=1)
    }
    if values["identity"] == "managed-identity":
        client = values.get("client_id", "")
        made |= {"dns_azure_msi_client_id": client} if client else {}
        made |= {} if client else {"dns_azure_msi_system_assigned": "true"}
    elif values["identity"] == "workload-identity":
        made["dns_azure_use_workload_identity_credentials"] = "true"
    else:
        made["dns_azure_sp_client_id"] = values["client_id"]
    return made


AZURE = DNSProvider(
    slug="azure",
    label="Azure DNS",
    route="plugin",
    authenticator="dns-azure",
    package="certbot-dns-azure-modern",
    credentials=(
        value("subscription_id", "", "Subscription ID"),
        value("resource_group", "", "Resource group", "Of the DNS zones."),
        value("zone", "", "DNS zones", "Names of the Azure DNS zones, separated by commas."),
        choice("identity", "", "Identity", "Who signs in.", choices=AZURE_IDENTITIES),
        value("tenant_id", "dns_azure_tenant_id", "Tenant ID", required=False),
        value("client_id", "", "Client ID", "Of the principal or identity.", required=False),
        secret("client_secret", "dns_azure_sp_client_secret", "Client secret", required=False),
        choice(
            "environment",
            "dns_azure_environment",
            "Azure cloud",
            choices=("AzurePublicCloud", "AzureUSGovernmentCloud", "AzureChinaCloud"),
        ),
    ),
    derive=_azure,
    propagation_seconds=60,
    docs_url="https://pypi.org/project/certbot-dns-azure-modern/",
    ambient=(
        "AZURE_CLIENT_ID",
        "AZURE_TENANT_ID",
        "AZURE_AUTHORITY_HOST",
        "AZURE_FEDERATED_TOKEN_FILE",
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
        "MSI_ENDPOINT",
        "MSI_SECRET",
    ),
    is_ambient=lambda values: values["identity"] != AZURE_IDENTITIES[0],
    check=rules.azure,
)

TABLE = (ROUTE53, GOOGLE, AZURE)
