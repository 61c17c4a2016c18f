"""Credentials as certbot's plugins read them back."""

import os
from pathlib import Path

import pytest
from certbot.plugins.dns_common import CredentialsConfiguration
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from certmate.core.errors import InvalidRequest
from providers.dns.catalogue import CATALOGUE
from providers.dns.render import CredentialsFile, ini, path_of, render

# What `parameters.validate` lets through: one line without control characters.
PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1)
TRICKY = st.text(alphabet="'\"#%()s=[]\\, \t;$a".replace("\t", ""), min_size=1)


def read_back(content: str, folder: Path) -> dict[str, str]:
    """As certbot's plugins do it."""
    path = folder / "credentials.ini"
    path.write_text(content)
    path.chmod(0o600)
    read = CredentialsConfiguration(str(path), lambda name: name)
    return {name: str(read.conf(name)) for name in read.confobj}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(secret=PRINTABLE | TRICKY, other=TRICKY)
@example(secret="%(dns_x_other)s", other="%(certmate_percent_sign)s")
@example(secret="%(unknown)s %%(x)s", other="#")
def test_every_value_is_read_back_and_adds_no_key(tmp_path: Path, secret: str, other: str) -> None:
    values = {"dns_x_secret": secret, "dns_x_other": other}
    try:
        content = ini(values)
    except InvalidRequest:
        assert "'''" in secret + other
        assert '"""' in secret + other
        return
    read = read_back(content, tmp_path)
    assert {name: read[name] for name in values} == values
    assert set(read) - set(values) <= {"certmate_percent_sign"}


@pytest.mark.parametrize("value", ["a\nb = c", "a\rb", "a\x00", "a\u2028b"])
def test_a_line_break_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest):
        ini({"key": value})


def test_an_ini_account_becomes_a_file_and_the_seconds_to_wait(tmp_path: Path) -> None:
    values = {"nameserver": "192.0.2.1", "tsig_key": "k", "tsig_secret": "c2VjcmV0"}
    rendered = render(CATALOGUE["rfc2136"], CATALOGUE["rfc2136"].validate(values))
    [file] = rendered.files
    assert isinstance(file, CredentialsFile)
    assert file.option == "--dns-rfc2136-credentials"
    assert read_back(file.content, tmp_path) == {
        "dns_rfc2136_server": "192.0.2.1",
        "dns_rfc2136_port": "53",
        "dns_rfc2136_name": "k",
        "dns_rfc2136_secret": "c2VjcmV0",
        "dns_rfc2136_algorithm": "HMAC-SHA256",
        "dns_rfc2136_sign_query": "false",
    }
    # What is published is watched instead of waited for.
    assert rendered.arguments == ("--dns-rfc2136-propagation-seconds", "0")
    assert (rendered.wait, rendered.server) == (60, ("192.0.2.1", 53))
    assert rendered.secrets == ("c2VjcmV0",)
    assert render(CATALOGUE["rfc2136"], CATALOGUE["rfc2136"].validate(values), 5).wait == 5


def test_an_environment_account_has_no_file_and_no_wait() -> None:
    values = {"access_key_id": "AKID", "secret_access_key": "the-secret"}
    rendered = render(CATALOGUE["route53"], CATALOGUE["route53"].validate(values), 30)
    assert (rendered.files, rendered.arguments, rendered.ambient) == ((), (), ())
    assert rendered.environment == {
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "the-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    assert rendered.secrets == ("the-secret",)


def test_the_machines_own_role_is_used_only_when_asked_for() -> None:
    values = CATALOGUE["route53"].validate({"use_ambient_credentials": "true"})
    rendered = render(CATALOGUE["route53"], values)
    assert rendered.environment == {}
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" in rendered.ambient


def test_the_environment_of_a_hook_is_for_the_hook_alone() -> None:
    values = {"auth_hook": "add", "environment": "HOOK_KEY=the secret=1\nHOOK_URL=x"}
    rendered = render(CATALOGUE["script"], CATALOGUE["script"].validate(values))
    assert rendered.environment == {}
    assert rendered.hooks is not None
    assert rendered.hooks.environment == {"HOOK_KEY": "the secret=1", "HOOK_URL": "x"}
    assert (rendered.hooks.auth, rendered.hooks.cleanup) == ("add", "")
    assert "the secret=1" in rendered.secrets
    assert "the secret" not in repr(rendered)


def test_a_file_that_the_plugin_reads_is_named_in_its_credentials(tmp_path: Path) -> None:
    entry = CATALOGUE["transip"]
    values = {"account_name": "me", "private_key": "-----BEGIN KEY-----\nabc\n-----END KEY-----"}
    key, file = render(entry, entry.validate(values)).files
    assert (key.option, file.option) == ("", "--dns-multi-credentials")
    read = read_back(file.content, tmp_path)
    assert read["TRANSIP_PRIVATE_KEY_PATH"] == path_of(0)
    assert read["dns_multi_provider"] == "transip"
    assert key.content.startswith(values["private_key"])


def test_azure_maps_each_zone_and_needs_no_secret_with_an_identity(tmp_path: Path) -> None:
    entry = CATALOGUE["azure"]
    values = {
        "subscription_id": "sub",
        "resource_group": "group",
        "zone": "example.test, example.org",
        "identity": "managed-identity",
    }
    rendered = render(entry, entry.validate(values))
    read = read_back(rendered.files[-1].content, tmp_path)
    group = "/subscriptions/sub/resourceGroups/group"
    assert read["dns_azure_zone1"] == f"example.test:{group}"
    assert read["dns_azure_zone2"] == f"example.org:{group}"
    assert read["dns_azure_msi_system_assigned"] == "true"
    assert "IDENTITY_ENDPOINT" in rendered.ambient
    assert rendered.secrets == ()


def test_a_document_is_a_file_as_it_is_and_a_project_an_option() -> None:
    entry = CATALOGUE["google"]
    values = {"service_account_key": '{"type": "service_account"}', "project_id": "other"}
    rendered = render(entry, entry.validate(values))
    [file] = rendered.files
    assert (file.option, file.content) == (
        "--dns-google-credentials",
        values["service_account_key"],
    )
    assert rendered.arguments[-2:] == ("--dns-google-project", "other")
    assert rendered.ambient == ()


def test_each_key_of_a_list_is_a_secret_by_itself() -> None:
    entry = CATALOGUE["he"]
    tokens = "a.example.test:first-key-of-it,b.example.test:second-key-of-it"
    secrets = render(entry, entry.validate({"tokens": tokens})).secrets
    assert {tokens, "first-key-of-it", "second-key-of-it"} <= set(secrets)
