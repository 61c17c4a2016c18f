"""Credentials of the right form, and of nobody, for every entry of the catalogue."""

import base64
import json
import uuid

from certmate.pki.keys import KeyType, generate
from providers.dns.provider import Credential, DNSProvider

KEY = generate(KeyType.RSA2048)

_SPECIAL = {
    ("rfc2136", "nameserver"): "127.0.0.1",
    ("rfc2136", "port"): "9",
    ("rfc2136", "tsig_secret"): base64.b64encode(b"a sample of a secret").decode(),
    ("scaleway", "application_token"): str(uuid.UUID(int=7)),
    ("scaleway", "project_id"): str(uuid.UUID(int=8)),
    ("acme-dns", "fulldomain"): "subdomain-sample.auth.example.test",
    ("acme-dns", "subdomain"): "subdomain-sample",
    ("azure", "zone"): "example.test, example.org",
    ("azure", "tenant_id"): str(uuid.UUID(int=9)),
    ("edgedns", "host"): "akab-sample.luna.akamaiapis.net",
    ("gandi", "sharing_id"): str(uuid.UUID(int=10)),
    ("yandex360", "org_id"): "12345",
    ("syse", "credentials"): "example.test:sample-password-of-nobody",
    ("dnshomede", "credentials"): "trial.example.test:sample-password-of-nobody",
    ("myaddr", "private_keys_mapping"): "trial:sample-private-key-of-nobody",
    ("selfhostde", "records_mapping"): "trial.example.test:123:456",
    ("nicmanager", "otp"): base64.b32encode(b"of nobody").decode().rstrip("="),
    ("gigahostno", "secret"): base64.b32encode(b"of nobody").decode().rstrip("="),
    ("huaweicloud", "region"): "cn-north-1",
    ("he", "tokens"): "trial.example.test:sample-token",
    ("script", "auth_hook"): "publish",
    ("script", "cleanup_hook"): "remove",
    ("script", "environment"): "HOOK_TOKEN=sample-of-the-environment",
    ("yandexcloud", "service_account_key"): json.dumps(
        {
            "id": "sample",
            "service_account_id": "sample",
            "created_at": "2026-01-01T00:00:00.000000000Z",
            "key_algorithm": "RSA_2048",
            "public_key": "",
            "private_key": KEY,
        }
    ),
    ("google", "service_account_key"): json.dumps(
        {
            "type": "service_account",
            "project_id": "sample",
            "private_key": KEY,
            "client_email": "sample@example.test",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    ),
}
# Two ways of signing in, of which one is enough.
_LEFT_OUT = {
    ("cloudflare", "email"),
    ("cloudflare", "api_key"),
    ("joker", "api_key"),
    ("netcup", "api_v1_key"),
    ("infoblox", "ca_bundle"),
    ("route53", "endpoint_url"),
    ("route53", "session_token"),
}


_NAMES = {
    "duckdns": "trial.duckdns.org",
    "freemyip": "trial.freemyip.com",
    "omglol": "trial.omg.lol",
    "myaddr": "trial.myaddr.tools",
}
"""Those that have no zones but names under one of their own."""


def name_at(slug: str) -> str:
    """A name that an account there could prove."""
    return _NAMES.get(slug, "trial.example.test")


def credentials(provider: DNSProvider) -> dict[str, str]:
    """Everything that an account there can say."""
    return {
        credential.parameter.name: _value(provider.slug, credential)
        for credential in provider.credentials
        if (provider.slug, credential.parameter.name) not in _LEFT_OUT
    }


def _value(slug: str, credential: Credential) -> str:
    parameter = credential.parameter
    if (slug, parameter.name) in _SPECIAL:
        return _SPECIAL[slug, parameter.name]
    if parameter.choices:
        return parameter.default
    if credential.is_url:
        return parameter.default or "http://api.example.test:8080/base"
    if credential.is_file:
        return KEY
    return f"sample-{parameter.name.replace('_', '-')}-of-nobody"
