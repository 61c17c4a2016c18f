"""Passwords in an LDAP directory. Imported only where django-auth-ldap is installed."""

import logging
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django_auth_ldap.backend import LDAPBackend

from certmate.access.models import ServiceAccount
from certmate.signin.configuration import LDAP_SECONDS

logger = logging.getLogger(__name__)


class DirectoryBackend(LDAPBackend):  # type: ignore[misc]
    """Stands behind PasswordBackend, which counts. Nobody in the directory becomes somebody who has
    a password here, comes from the provider or is a program, by having the same name.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if settings.CERTMATE_OIDC_ONLY or not username or is_ours(username):
            return None
        if not _answers(self.settings.SERVER_URI):
            return None
        found: User | None = super().authenticate(request, username, password, **kwargs)
        return found if found is not None and found.is_active else None


def _answers(url: str) -> bool:
    """Whether the directory can be reached. In the handshake of ldaps:// libldap (2.5) waits for
    ever, so that is tried before, without saying anything; libldap verifies whom it talks to.
    """
    parts = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    default = 636 if parts.scheme == "ldaps" else 389
    try:
        place = parts.hostname or "", parts.port or default
        with socket.create_connection(place, timeout=LDAP_SECONDS) as connection:
            if parts.scheme == "ldaps":
                context.wrap_socket(connection, server_hostname=parts.hostname).close()
    except OSError as error:
        logger.warning("The directory does not answer: %s", error)
        return False
    return True


def is_ours(name: str) -> bool:
    """Whether the account of this name is none of the directory's; directories ignore case."""
    users = User.objects.filter(username__iexact=name.strip())
    return any(
        user.has_usable_password()
        or SocialAccount.objects.filter(user=user).exists()
        or ServiceAccount.objects.filter(user=user).exists()
        for user in users
    )
