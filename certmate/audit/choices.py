"""The kinds of actors of the audit log."""

from django.db import models


class ActorKind(models.TextChoices):
    """Who acts: told apart so that an auditor sees what no person did."""

    PERSON = "person", "Person"
    AGENT = "agent", "Agent"
    SERVICE = "service", "Service account"
    SCHEDULE = "schedule", "Schedule"
    COMMAND = "command", "Command"
    ANONYMOUS = "anonymous", "Nobody signed in"
