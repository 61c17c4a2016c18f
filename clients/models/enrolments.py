"""Requests for client certificates that are not answered at once."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from certmate.access.models import ApiToken, Team
from certmate.access.verbs import Verb, permissions
from clients.choices import EnrolmentState
from clients.models.certificates import ClientCertificate
from providers.models import Authority


class Enrolment(models.Model):
    """One request: a CSR that was made here and not submitted yet, or one that waits for approval.

    `wish` has what was asked for in plain values; `certificate` is there once it is submitted.
    """

    access_parents: ClassVar[tuple[str, ...]] = ("team", "authority")
    access_own: ClassVar[dict[str, tuple[Verb, ...]]] = {"requested_by": (Verb.VIEW,)}

    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    authority = models.ForeignKey(Authority, models.PROTECT, null=True, related_name="+")
    identifier = models.CharField(max_length=200, db_index=True)
    wish = models.JSONField()
    csr = models.TextField("certificate signing request (PEM)", blank=True)
    # A new version of the certificate, and whether that replaces and revokes the one before it.
    renews = models.BooleanField(default=False)
    supersedes = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=EnrolmentState.choices)
    certificate = models.ForeignKey(
        ClientCertificate, models.SET_NULL, null=True, blank=True, related_name="enrolments"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    requested_token = models.ForeignKey(
        ApiToken, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    # Kept beside the token, which can be deleted: who used it did not thereby become a person.
    by_token = models.BooleanField(default=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        permissions = [*permissions("enrolment", "enrolment", Verb.APPROVE)]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "-id"], name="enrolment_state")
        ]

    def __str__(self) -> str:
        return f"Request {self.pk} for {self.identifier}"
