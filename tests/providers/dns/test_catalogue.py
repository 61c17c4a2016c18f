"""The DNS providers as data, and what each refuses."""

import json
from typing import Any

import pytest

from certmate.core.errors import InvalidRequest
from providers.dns import catalogue
from providers.dns.catalogue import CATALOGUE
from providers.dns.provider import DNSProvider

RFC2136 = {"nameserver": "192.0.2.1", "tsig_key": "k", "tsig_secret": "c2VjcmV0"}
KEYS = {"access_key_id": "AKID", "secret_access_key": "secret"}
SCRIPT = {"auth_hook": "add.sh"}
EDGE = dict.fromkeys(("client_token", "client_secret", "access_token", "host"), "x")
AZURE = {"subscription_id": "s", "resource_group": "g", "zone": "example.test"}
GOOGLE_KEY = "service_account_key"
# The library would read the file and send it to the address.
ELSEWHERE_KEY = json.dumps(
    {
        "type": "external_account",
        "token_url": "https://elsewhere.test",
        "credential_source": {"file": "/etc/passwd"},
    }
)
ACME_DNS = {
    "api_url": "https://auth.test",
    "username": "u",
    "password": "p",
    "subdomain": "abc",
    "fulldomain": "abc.auth.test",
}


@pytest.mark.parametrize("provider", CATALOGUE.values(), ids=list(CATALOGUE))
def test_every_entry_is_complete(provider: DNSProvider) -> None:
    names = [parameter.name for parameter in provider.parameters]
    assert CATALOGUE[provider.slug] is provider
    assert len(set(names)) == len(names)
    assert provider.keys.keys() <= set(names)
    assert provider.docs_url.startswith("https://")
    assert provider.package.startswith("certbot")
    if provider.transport == "ini" and provider.slug != "azure":
        assert provider.keys.keys() == set(names)


@pytest.mark.parametrize(
    ("slug", "values"),
    [
        ("rfc2136", RFC2136),
        ("rfc2136", RFC2136 | {"nameserver": "2001:db8::1", "port": "5353"}),
        ("cloudflare", {"api_token": "t"}),
        ("cloudflare", {"email": "a@example.test", "api_key": "k"}),
        ("route53", KEYS),
        ("route53", KEYS | {"session_token": "t", "endpoint_url": "http://127.0.0.1:4566"}),
        ("route53", {"use_ambient_credentials": True}),
        ("script", SCRIPT | {"environment": "HOOK_URL=https://x/?a=b\n\nHOOK_HOST = h\n"}),
    ],
)
def test_sensible_credentials_are_taken(slug: str, values: dict[str, Any]) -> None:
    clean = CATALOGUE[slug].validate(values)
    assert {
        name: str(value).strip() for name, value in values.items() if value is not True
    }.items() <= (clean.items())


def test_the_algorithm_is_always_written_and_never_md5_by_default() -> None:
    assert CATALOGUE["rfc2136"].validate(RFC2136)["tsig_algorithm"] == "HMAC-SHA256"


@pytest.mark.parametrize(
    ("slug", "values", "field"),
    [
        ("rfc2136", RFC2136 | {"nameserver": "ns.example.test"}, "nameserver"),
        ("rfc2136", RFC2136 | {"nameserver": "169.254.169.254"}, "nameserver"),
        ("rfc2136", RFC2136 | {"nameserver": "0.0.0.0"}, "nameserver"),
        ("rfc2136", RFC2136 | {"nameserver": "::ffff:169.254.1.1"}, "nameserver"),
        ("rfc2136", RFC2136 | {"port": "0"}, "port"),
        ("rfc2136", RFC2136 | {"port": "65536"}, "port"),
        ("rfc2136", RFC2136 | {"port": "²"}, "port"),
        ("rfc2136", RFC2136 | {"tsig_secret": "not base64!"}, "tsig_secret"),
        ("rfc2136", RFC2136 | {"tsig_algorithm": "CRC32"}, "tsig_algorithm"),
        ("rfc2136", RFC2136 | {"tsig_key": "k\ndns_rfc2136_port = 1"}, "tsig_key"),
        ("cloudflare", {}, "api_token"),
        ("cloudflare", {"email": "a@example.test"}, "api_key"),
        ("cloudflare", {"api_key": "k"}, "email"),
        ("cloudflare", {"api_token": "t", "email": "a@example.test"}, "api_token"),
        ("route53", {}, "access_key_id"),
        ("route53", {"access_key_id": "AKID"}, "secret_access_key"),
        ("route53", KEYS | {"use_ambient_credentials": "true"}, "access_key_id"),
        ("route53", KEYS | {"endpoint_url": "ftp://x"}, "endpoint_url"),
        ("route53", KEYS | {"endpoint_url": "https://u:p@x/"}, "endpoint_url"),
        ("route53", KEYS | {"endpoint_url": "http://169.254.169.254/"}, "endpoint_url"),
        ("route53", KEYS | {"endpoint_url": "http://[::1"}, "endpoint_url"),
        ("route53", KEYS | {"endpoint_url": "http://x:99999/"}, "endpoint_url"),
        ("script", {"auth_hook": "../add.sh"}, "auth_hook"),
        ("script", {"auth_hook": "/bin/sh"}, "auth_hook"),
        ("script", {"auth_hook": "..", "cleanup_hook": "x"}, "auth_hook"),
        ("script", {"auth_hook": "-rf"}, "auth_hook"),
        ("script", SCRIPT | {"cleanup_hook": "a b"}, "cleanup_hook"),
        ("script", SCRIPT | {"environment": "PATH=/tmp"}, "environment"),
        ("script", SCRIPT | {"environment": "LD_PRELOAD=/tmp/x"}, "environment"),
        ("script", SCRIPT | {"environment": "PYTHONPATH=/tmp"}, "environment"),
        ("script", SCRIPT | {"environment": "PERL5OPT=-Mbase"}, "environment"),
        ("script", SCRIPT | {"environment": "CERTBOT_DOMAIN=x"}, "environment"),
        ("script", SCRIPT | {"environment": "lower=case"}, "environment"),
        ("script", SCRIPT | {"environment": "NO SEPARATOR"}, "environment"),
        ("script", SCRIPT | {"environment": "=value"}, "environment"),
        ("script", SCRIPT | {"unknown": "x"}, "unknown"),
        ("powerdns", {"api_url": "http://169.254.169.254/", "api_key": "k"}, "api_url"),
        ("powerdns", {"api_url": "ns.example.test", "api_key": "k"}, "api_url"),
        ("edgedns", EDGE | {"host": "https://x.test/"}, "host"),
        ("edgedns", EDGE | {"host": "169.254.169.254"}, "host"),
        ("scaleway", {"application_token": "no-uuid"}, "application_token"),
        ("google", {}, "service_account_key"),
        ("google", {"service_account_key": "[1]"}, "service_account_key"),
        ("google", {"service_account_key": "{}"}, GOOGLE_KEY),
        ("google", {"service_account_key": ELSEWHERE_KEY}, GOOGLE_KEY),
        ("google", {"service_account_key": "{}", "use_ambient_credentials": True}, GOOGLE_KEY),
        ("azure", AZURE, "tenant_id"),
        ("azure", AZURE | {"zone": "x:/subscriptions/other"}, "zone"),
        ("azure", AZURE | {"resource_group": "a/b"}, "resource_group"),
        ("azure", AZURE | {"identity": "managed-identity", "client_secret": "s"}, "client_secret"),
        ("joker", {"username": "u"}, "password"),
        ("joker", {}, "username"),
        ("netcup", {"api_key": "k"}, "customer_id"),
        ("acme-dns", ACME_DNS | {"fulldomain": "other.auth.test"}, "fulldomain"),
    ],
)
def test_what_cannot_work_is_refused_by_its_field(
    slug: str, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CATALOGUE[slug].validate(values)
    assert caught.value.field == f"credentials.{field}"


def test_a_refusal_does_not_repeat_the_secret() -> None:
    with pytest.raises(InvalidRequest) as caught:
        CATALOGUE["script"].validate(SCRIPT | {"environment": "HOOK_OK=1\npassword=hunter2"})
    assert "hunter2" not in caught.value.detail
    assert "Line 2" in caught.value.detail


def test_an_unknown_provider_is_refused_without_being_echoed() -> None:
    with pytest.raises(InvalidRequest) as caught:
        catalogue.get("<script>")
    assert caught.value.code == "dns.unknown_provider"
    assert "<script>" not in caught.value.detail
    assert catalogue.get("route53").label == "AWS Route 53"
