"""How people may sign in, read strictly from the environment (docs/sign-in.md has every variable).

Knows nothing of Django's settings, which are built from it.
"""

import importlib.util
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from certmate import env

SUPERUSER = "superuser"
"""Stands for the status of that name where otherwise roles are named."""

LDAP_SECONDS = 5
"""How long a directory may take to answer, at each step."""

_OIDC = ("CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_FILE", "GROUPS_CLAIM", "ROLE_MAP", "ONLY")


@dataclass(frozen=True)
class OpenIDProvider:
    """The one provider whose word is taken; `roles` are pairs of its group and our role."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    groups_claim: str
    roles: tuple[tuple[str, str], ...]
    name: str

    @property
    def managed(self) -> frozenset[str]:
        """The roles that it gives and takes; all others are given here."""
        return frozenset(role for _, role in self.roles)


def openid_provider() -> OpenIDProvider | None:
    """The configured provider, if there is one."""
    issuer = env.text("CERTMATE_OIDC_ISSUER")
    if not issuer:
        for name in _OIDC:
            if env.text(f"CERTMATE_OIDC_{name}"):
                raise ImproperlyConfigured(
                    f"CERTMATE_OIDC_{name} is set, but CERTMATE_OIDC_ISSUER is not."
                )
        return None
    _check_url("CERTMATE_OIDC_ISSUER", issuer)
    found = {
        "CERTMATE_OIDC_CLIENT_ID": env.text("CERTMATE_OIDC_CLIENT_ID"),
        "CERTMATE_OIDC_CLIENT_SECRET": env.secret("CERTMATE_OIDC_CLIENT_SECRET"),
    }
    for name, value in found.items():
        if not value:
            raise ImproperlyConfigured(f"CERTMATE_OIDC_ISSUER is set, but {name} is not.")
    return OpenIDProvider(
        issuer=issuer,
        client_id=found["CERTMATE_OIDC_CLIENT_ID"],
        client_secret=found["CERTMATE_OIDC_CLIENT_SECRET"],
        groups_claim=env.text("CERTMATE_OIDC_GROUPS_CLAIM", "groups"),
        roles=role_map("CERTMATE_OIDC_ROLE_MAP"),
        name=env.text("CERTMATE_OIDC_NAME", "single sign-on"),
    )


def openid_only(provider: OpenIDProvider | None) -> bool:
    """Whether passwords are for superusers in an emergency alone."""
    if provider is None:
        return False
    return env.boolean("CERTMATE_OIDC_ONLY")


def role_map(name: str) -> tuple[tuple[str, str], ...]:
    """`group=role` with commas between; a group may have several roles and a role several groups.

    The last `=` divides, because groups may be distinguished names without commas, roles never.
    """
    pairs = []
    for item in env.words(name):
        group, _, role = (part.strip() for part in item.rpartition("="))
        if not group or not role:
            raise ImproperlyConfigured(
                f"{name} must be group=role, separated by commas, not {item!r}."
            )
        pairs.append((group, role))
    return tuple(dict.fromkeys(pairs))


def ldap() -> dict[str, Any]:
    """Settings of django-auth-ldap, or none if there is no CERTMATE_LDAP_URL.

    Raises ImproperlyConfigured if they are asked for and the package is not installed.
    """
    url = env.text("CERTMATE_LDAP_URL")
    if not url:
        return {}
    if urlsplit(url).scheme not in ("ldap", "ldaps"):
        raise ImproperlyConfigured("CERTMATE_LDAP_URL must begin with ldap:// or ldaps://.")
    if importlib.util.find_spec("django_auth_ldap") is None:
        raise ImproperlyConfigured(
            "CERTMATE_LDAP_URL is set, but django-auth-ldap is not installed: "
            "pip install --require-hashes -r requirements/ldap.txt"
        )
    template = env.text("CERTMATE_LDAP_USER_DN")
    if template.count("%(user)s") != 1:
        raise ImproperlyConfigured(
            "CERTMATE_LDAP_USER_DN must be a name with %(user)s in it, such as "
            "uid=%(user)s,ou=people,dc=example,dc=com."
        )
    return {
        "AUTH_LDAP_SERVER_URI": url,
        "AUTH_LDAP_CONNECTION_OPTIONS": _ldap_options(),
        "AUTH_LDAP_USER_DN_TEMPLATE": template,
        # Few directories let strangers read names, and none need be given an account here.
        "AUTH_LDAP_BIND_AS_AUTHENTICATING_USER": True,
        # A password must never cross the network readable.
        "AUTH_LDAP_START_TLS": urlsplit(url).scheme == "ldap",
        "AUTH_LDAP_USER_ATTR_MAP": {"first_name": "givenName", "last_name": "sn", "email": "mail"},
        "AUTH_LDAP_PERMIT_EMPTY_PASSWORD": False,
    }


def _ldap_options() -> dict[int, Any]:
    """Those of ldap_set_option(3): patience, and whose certificates are believed."""
    # Part of the extra that is optional.
    from ldap import OPT_NETWORK_TIMEOUT, OPT_TIMEOUT, OPT_X_TLS_CACERTFILE, OPT_X_TLS_NEWCTX

    options: dict[int, Any] = dict.fromkeys((OPT_NETWORK_TIMEOUT, OPT_TIMEOUT), LDAP_SECONDS)
    trusted = env.text("CERTMATE_LDAP_CA_FILE")
    if trusted:
        try:
            Path(trusted).read_bytes()
        except OSError as error:
            raise ImproperlyConfigured(
                f"CERTMATE_LDAP_CA_FILE cannot be read: {error.strerror}."
            ) from None
        # The last one has the others take effect.
        options |= {OPT_X_TLS_CACERTFILE: trusted, OPT_X_TLS_NEWCTX: 0}
    return options


def _check_url(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a URL.") from None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not is_safe or not host or parts.username or parts.query or parts.fragment:
        raise ImproperlyConfigured(f"{name} must be an https URL without user, query and fragment.")


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
