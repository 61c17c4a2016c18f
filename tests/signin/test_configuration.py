"""A value that makes no sense stops the start with a sentence that names it."""

import importlib.util
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from certmate.signin import configuration

FULL = {
    "CERTMATE_OIDC_ISSUER": "https://sso.example.test/realms/x",
    "CERTMATE_OIDC_CLIENT_ID": "certmate",
    "CERTMATE_OIDC_CLIENT_SECRET": "canary",
    "CERTMATE_OIDC_ROLE_MAP": "pki-admins=administrator, cn=ops=operator,ops=viewer",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in FULL.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_everything_is_read(environment: pytest.MonkeyPatch) -> None:
    provider = configuration.openid_provider()
    assert provider is not None
    assert provider.roles == (
        ("pki-admins", "administrator"),
        ("cn=ops", "operator"),
        ("ops", "viewer"),
    )
    assert provider.groups_claim == "groups"
    assert provider.managed == {"administrator", "operator", "viewer"}


def test_without_an_issuer_there_is_no_provider() -> None:
    assert configuration.openid_provider() is None
    assert configuration.openid_only(None) is False


def test_the_secret_comes_from_a_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    environment.delenv("CERTMATE_OIDC_CLIENT_SECRET")
    environment.setenv("CERTMATE_OIDC_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    provider = configuration.openid_provider()
    assert provider is not None
    assert provider.client_secret == "from the file"
    assert "from the file" not in repr(provider)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CERTMATE_OIDC_ISSUER", "http://sso.example.test"),
        ("CERTMATE_OIDC_ISSUER", "sso.example.test"),
        ("CERTMATE_OIDC_ISSUER", "https://u:p@sso.example.test"),
        ("CERTMATE_OIDC_ISSUER", "https://sso.example.test?x=1"),
        ("CERTMATE_OIDC_ISSUER", "https://[x"),
        ("CERTMATE_OIDC_CLIENT_ID", ""),
        ("CERTMATE_OIDC_CLIENT_SECRET", ""),
        ("CERTMATE_OIDC_ROLE_MAP", "administrator"),
        ("CERTMATE_OIDC_ROLE_MAP", "x="),
        ("CERTMATE_OIDC_ROLE_MAP", "=x"),
    ],
)
def test_what_makes_no_sense_is_named(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name) as caught:
        configuration.openid_provider()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("name", ["CLIENT_ID", "CLIENT_SECRET", "ROLE_MAP", "ONLY"])
def test_half_a_configuration_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"CERTMATE_OIDC_{name}", "x=y")
    with pytest.raises(ImproperlyConfigured, match=f"CERTMATE_OIDC_{name}"):
        configuration.openid_provider()


def test_only_is_a_boolean(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CERTMATE_OIDC_ONLY", "yes")
    with pytest.raises(ImproperlyConfigured, match="CERTMATE_OIDC_ONLY"):
        configuration.openid_only(configuration.openid_provider())


LDAP = {
    "CERTMATE_LDAP_URL": "ldaps://ldap.example.test",
    "CERTMATE_LDAP_USER_DN": "uid=%(user)s,ou=people,dc=example,dc=test",
}


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in LDAP.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_ldap_needs_its_package(directory: pytest.MonkeyPatch) -> None:
    directory.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match=r"requirements/ldap\.txt"):
        configuration.ldap()


def test_ldap_never_sends_a_password_readable(directory: pytest.MonkeyPatch) -> None:
    assert configuration.ldap()["AUTH_LDAP_START_TLS"] is False
    directory.setenv("CERTMATE_LDAP_URL", "ldap://ldap.example.test")
    assert configuration.ldap()["AUTH_LDAP_START_TLS"] is True
    directory.delenv("CERTMATE_LDAP_URL")
    assert configuration.ldap() == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CERTMATE_LDAP_URL", "http://ldap.example.test"),
        ("CERTMATE_LDAP_USER_DN", ""),
        ("CERTMATE_LDAP_USER_DN", "uid=alice,dc=example"),
        ("CERTMATE_LDAP_CA_FILE", "/nowhere/ca.pem"),
    ],
)
def test_ldap_that_makes_no_sense_is_named(
    directory: pytest.MonkeyPatch, name: str, value: str
) -> None:
    directory.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        configuration.ldap()
