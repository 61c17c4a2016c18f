"""API tokens, and the accounts of programs that own some."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models

from certmate.access.models.teams import Team
from certmate.access.verbs import Scope, Verb, permissions


class ServiceAccount(models.Model):
    """A user that is a program: it has no password, signs in nowhere, and owns tokens."""

    write_scope: ClassVar[str] = Scope.ADMIN

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="service_account"
    )
    team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, related_name="service_accounts"
    )
    description = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    access_parents: ClassVar[tuple[str, ...]] = ("team",)

    class Meta:
        ordering = ("user__username",)
        permissions = [*permissions("serviceaccount", "service account")]

    def __str__(self) -> str:
        return self.user.get_username()


class TokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, now: datetime) -> "TokenQuerySet":
        """Neither revoked nor expired, and of an owner who may still sign in."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        return self.filter(unexpired, revoked_at=None, owner__is_active=True)


class ApiToken(models.Model):
    """A bearer token of a user. Only its SHA-256 is kept; the token itself is shown once."""

    read_scope: ClassVar[str] = Scope.ADMIN
    write_scope: ClassVar[str] = Scope.ADMIN
    access_own: ClassVar[dict[str, tuple[Verb, ...]]] = {"owner": (Verb.VIEW, Verb.CHANGE)}

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    # Who had its text first, and so could have used it: he approves of nothing that it asks for.
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    name = models.CharField(max_length=100)
    hint = models.CharField("starts with", max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    teams = models.ManyToManyField(
        Team, blank=True, related_name="+", help_text="Only what these teams own. Empty: no limit."
    )
    name_patterns = models.JSONField(
        default=list,
        blank=True,
        help_text="Only certificates whose names all match, such as *.dev.example.com.",
    )
    networks = models.JSONField(
        "source networks",
        default=list,
        blank=True,
        help_text="Only calls from these networks, such as 192.0.2.0/24.",
    )
    is_agent = models.BooleanField(
        "is used by automation",
        default=False,
        help_text="The audit log then tells its calls from those of a person.",
    )
    replaces = models.OneToOneField(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="replacement",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ("-id",)
        permissions = [*permissions("apitoken", "API token")]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    def is_usable(self, now: datetime) -> bool:
        """What `TokenQuerySet.usable` asks, of this row."""
        has_expired = self.expires_at is not None and self.expires_at <= now
        return not has_expired and self.revoked_at is None and self.owner.is_active
