"""A value that makes no sense stops the start with a sentence that names it."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from certmate.access.models import ServiceAccount
from certmate.signin import configuration
from tests.cast import Cast

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
    """A directory is configured, and the package looks installed."""
    for name, value in LDAP.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
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
    ],
)
def test_ldap_that_makes_no_sense_is_named(
    directory: pytest.MonkeyPatch, name: str, value: str
) -> None:
    directory.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        configuration.ldap()


@pytest.fixture
def directory_backend(directory: pytest.MonkeyPatch, db: None) -> Any:
    """The backend over a directory that takes every password."""

    class Everything(ModelBackend):
        def authenticate(self, request: Any, username: Any = None, *_: Any, **__: Any) -> Any:
            return User.objects.get_or_create(username=username)[0]

    stand_in = ModuleType("django_auth_ldap.backend")
    vars(stand_in)["LDAPBackend"] = Everything
    directory.setitem(sys.modules, "django_auth_ldap", ModuleType("django_auth_ldap"))
    directory.setitem(sys.modules, "django_auth_ldap.backend", stand_in)
    directory.delitem(sys.modules, "certmate.signin.directory", raising=False)
    yield importlib.import_module("certmate.signin.directory").DirectoryBackend()
    sys.modules.pop("certmate.signin.directory")


def test_a_name_in_the_directory_becomes_no_local_account(
    directory_backend: Any, cast: Cast
) -> None:
    for name in ("owner", "OWNER", " owner "):
        assert directory_backend.authenticate(None, name, "x") is None
    found = directory_backend.authenticate(None, "newcomer", "x")
    assert (found.is_staff, found.is_superuser, found.groups.count()) == (False, False, 0)


def test_nobody_in_the_directory_signs_in_as_a_program(directory_backend: Any, cast: Cast) -> None:
    program = User(username="deploy")
    program.set_unusable_password()
    program.save()
    ServiceAccount.objects.create(user=program)
    for name in ("deploy", "Deploy"):
        assert directory_backend.authenticate(None, name, "x") is None


def test_the_directory_lets_nobody_in_who_is_deactivated(
    directory_backend: Any, settings: Settings
) -> None:
    user = directory_backend.authenticate(None, "newcomer", "x")
    settings.CERTMATE_OIDC_ONLY = True
    assert directory_backend.authenticate(None, "newcomer", "x") is None
    settings.CERTMATE_OIDC_ONLY = False
    user.is_active = False
    user.save()
    assert directory_backend.authenticate(None, "newcomer", "x") is None
