"""Four eyes: rules that say what needs approval, and the requests that wait for it."""

import json
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.validators import MinValueValidator
from django.db import models

from certmate.access.models.tokens import ApiToken
from certmate.access.verbs import Scope, Verb, permissions


class ApprovalState(models.TextChoices):
    PENDING = "pending", "Waits for approval"
    APPROVED = "approved", "Approved"
    CARRIED_OUT = "carried_out", "Carried out"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


OPEN = (ApprovalState.PENDING, ApprovalState.APPROVED)


def verb_choices() -> list[tuple[str, str]]:
    return [
        (verb.value, verb.replace("_", " ") if verb != Verb.REQUEST else "add") for verb in Verb
    ]


class ApprovalRule(models.Model):
    """`required` members of the role have to approve of the verb before it is done.

    `kind` limits the rule to one model, `target` to one object: this itself, or as a container what
    hangs from it. Without both it is about the verb wherever approval can be asked for.
    """

    write_scope: ClassVar[str] = Scope.ADMIN

    name = models.SlugField(max_length=64, unique=True)
    verb = models.CharField(max_length=20, choices=verb_choices)
    kind = models.ForeignKey(ContentType, models.PROTECT, null=True, blank=True, related_name="+")
    target_type = models.ForeignKey(
        ContentType, models.PROTECT, null=True, blank=True, related_name="+"
    )
    target_pk = models.CharField(max_length=64, blank=True)
    target_repr = models.CharField("target", max_length=255, blank=True)
    role = models.ForeignKey(Group, models.PROTECT, related_name="approval_rules")
    required = models.PositiveSmallIntegerField(
        "approvals needed", default=1, validators=[MinValueValidator(1)]
    )
    valid_for = models.DurationField(default=timedelta(days=3))
    is_enabled = models.BooleanField("enabled", default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        permissions = [*permissions("approvalrule", "approval rule")]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["verb", "is_enabled"], name="approval_rule_verb")
        ]

    def __str__(self) -> str:
        return self.name


class Approval(models.Model):
    """A call that waits for approval, or waited: exactly what is done once it is approved.

    `params` is canonical JSON, `digest` binds it to the operation and the target. `requester` names
    who asked in a column that is never empty, so that the same call is one request.
    """

    access_own: ClassVar[dict[str, tuple[Verb, ...]]] = {"requested_by": (Verb.VIEW, Verb.CHANGE)}
    access_roles: ClassVar[dict[str, tuple[Verb, ...]]] = {"roles": (Verb.VIEW, Verb.APPROVE)}
    access_token: ClassVar[str] = "requested_token"  # noqa: S105 - a field's name

    operation = models.CharField(max_length=64)
    verb = models.CharField(max_length=20, choices=verb_choices)
    params = models.TextField()
    digest = models.CharField(max_length=64, editable=False)
    target_type = models.ForeignKey(ContentType, models.PROTECT, related_name="+")
    target_pk = models.CharField(max_length=64, blank=True)
    target_repr = models.CharField("object", max_length=255)
    requester = models.CharField(max_length=32, editable=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    requested_token = models.ForeignKey(
        ApiToken, models.SET_NULL, null=True, related_name="+", verbose_name="requested with"
    )
    by_token = models.BooleanField(default=False)
    reason = models.CharField(max_length=500, blank=True)
    roles = models.ManyToManyField(Group, through="Requirement", related_name="+")
    state = models.CharField(
        max_length=12, choices=ApprovalState.choices, default=ApprovalState.PENDING
    )
    valid_for = models.DurationField()
    created_at = models.DateTimeField("requested")
    expires_at = models.DateTimeField("expires")
    decided_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    result = models.CharField(max_length=255, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.TextField(blank=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ("view", "change")
        permissions = [*permissions("approval", "request for approval", Verb.APPROVE)]
        verbose_name = "request for approval"
        verbose_name_plural = "requests for approval"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["digest", "requester"],
                condition=models.Q(state__in=OPEN),
                name="one_open_approval_a_call",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "expires_at"], name="approval_state_expiry"),
            models.Index(fields=["state", "-id"], name="approval_state"),
        ]

    def __str__(self) -> str:
        return f"Request {self.pk}: {self.operation} {self.target_repr}"

    @property
    def arguments(self) -> dict[str, Any]:
        """`params` as the dictionary that it was made of."""
        found: dict[str, Any] = json.loads(self.params)
        return found

    def is_open(self, now: datetime) -> bool:
        """Whether it still waits, for people or for being carried out."""
        return self.state in OPEN and self.expires_at > now


class Requirement(models.Model):
    """What a rule asked for when the request was made: changing the rule later weakens nothing."""

    access_via: ClassVar[str] = "approval"

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="requirements")
    rule = models.CharField(max_length=64)
    # A role that was deleted since can approve of nothing, so that the request only expires.
    role = models.ForeignKey(Group, models.SET_NULL, null=True, related_name="+")
    role_name = models.CharField(max_length=150)
    required = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("id",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.required} of the role {self.role_name}"


class Vote(models.Model):
    """One person's decision about a request."""

    access_via: ClassVar[str] = "approval"

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="votes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    user_name = models.CharField(max_length=150)
    approves = models.BooleanField()
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["approval", "user"], name="one_vote_a_person")
        ]

    def __str__(self) -> str:
        return f"{self.user_name} {'approves' if self.approves else 'rejects'}"
