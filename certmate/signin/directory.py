"""Passwords in an LDAP directory. Imported only where django-auth-ldap is installed."""

from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django_auth_ldap.backend import LDAPBackend

from certmate.access.models import ServiceAccount


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
        found: User | None = super().authenticate(request, username, password, **kwargs)
        return found if found is not None and found.is_active else None


def is_ours(name: str) -> bool:
    """Whether the account of this name is none of the directory's; directories ignore case."""
    users = User.objects.filter(username__iexact=name.strip())
    return any(
        user.has_usable_password()
        or SocialAccount.objects.filter(user=user).exists()
        or ServiceAccount.objects.filter(user=user).exists()
        for user in users
    )
