"""API tokens."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models

from certmate.access.verbs import Scope


class TokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, now: datetime) -> "TokenQuerySet":
        """Neither revoked nor expired, and of an owner who may still sign in."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        return self.filter(unexpired, revoked_at=None, owner__is_active=True)


class ApiToken(models.Model):
    """A bearer token of a user. Only its SHA-256 is kept; the token itself is shown once."""

    read_scope: ClassVar[str] = Scope.ADMIN
    write_scope: ClassVar[str] = Scope.ADMIN

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=100)
    hint = models.CharField("starts with", max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
