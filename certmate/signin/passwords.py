"""Whose password is right: Django's own check, behind the count of guesses."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from certmate.core.addresses import client_address
from certmate.signin import lockout


class PasswordBackend(ModelBackend):
    """Stands first, so that no backend after it is asked once there were too many guesses."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """The active user of this name and password, if passwords are for this user at all."""
        if username is None or password is None:
            return None
        try:
            lockout.attempt(username, client_address(request) if request else "")
        except lockout.LockedOut as error:
            raise PermissionDenied(error.detail) from error
        user = super().authenticate(request, username=username, password=password)
        # After the hash was computed: a refusal takes as long for everybody.
        if user is None or (settings.CERTMATE_OIDC_ONLY and not user.is_superuser):
            return None
        return user
