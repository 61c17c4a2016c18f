"""What needs no plugin: scripts of one's own, and acme-dns, which CertMate itself speaks to."""

from certmate.core.parameters import Parameter
from providers.dns import rules
from providers.dns.provider import Credential, DNSProvider, secret, url, value

ACME_DNS_AUTHENTICATOR = "certmate-acmedns"

SCRIPT = DNSProvider(
    slug="script",
    label="Custom hook scripts",
    route="hook",
    transport="hook",
    authenticator="manual",
    package="certbot",
    credentials=(
        value(
            "auth_hook",
            "",
            "Script that publishes",
            "File name in the hooks directory. It gets CERTBOT_DOMAIN and CERTBOT_VALIDATION, "
            "publishes _acme-challenge.DOMAIN and returns when the record is served.",
        ),
        value(
            "cleanup_hook",
            "",
            "Script that removes",
            "File name in the hooks directory.",
            required=False,
        ),
        Credential(
            Parameter(
                "environment",
                "Environment",
                "One HOOK_NAME=VALUE a line, given to the scripts.",
                required=False,
                secret=True,
                multiline=True,
            )
        ),
    ),
    propagation_seconds=None,
    docs_url="https://eff-certbot.readthedocs.io/en/stable/using.html#pre-and-post-validation-hooks",
    check=rules.script,
)

ACME_DNS = DNSProvider(
    slug="acme-dns",
    label="acme-dns",
    route="built-in",
    transport="own",
    authenticator=ACME_DNS_AUTHENTICATOR,
    package="certbot",
    credentials=(
        url("api_url", "api_url", "Server URL", "Such as https://auth.example.org."),
        value("username", "username", "User name", "From the registration."),
        secret("password", "password", "Password", "From the registration."),
        value("subdomain", "subdomain", "Subdomain", "From the registration."),
        value(
            "fulldomain",
            "fulldomain",
            "Full domain",
            "From the registration: what each _acme-challenge CNAME points at.",
        ),
    ),
    # It serves the last two values that it was given.
    capacity=2,
    target="fulldomain",
    propagation_seconds=30,
    docs_url="https://github.com/joohoi/acme-dns",
    check=rules.acme_dns,
)

TABLE = (SCRIPT, ACME_DNS)
