"""Writing the audit log: field changes by django-auditlog, and what happened in our own words."""

from typing import Any

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.db import models

from certmate.core.fields import EncryptedJSONField
from certmate.core.parameters import MASK


def mask(value: str) -> str:
    """What stands in the log for a secret: that it changed, never any part of it."""
    return MASK


def register(model: type[models.Model], *, exclude: tuple[str, ...] = ()) -> None:
    """Log every saved change of the model's own fields; encrypted ones appear masked."""
    fields = model._meta.concrete_fields
    auditlog.register(
        model,
        # Named one by one: by default the log also takes what other models say of this one.
        include_fields=[field.name for field in fields if field.name not in exclude],
        mask_fields=[field.name for field in fields if isinstance(field, EncryptedJSONField)],
        mask_callable="certmate.audit.services.mask",
        m2m_fields={field.name for field in model._meta.many_to_many},
    )


def record(instance: models.Model, event: str, **details: Any) -> None:
    """Log that `event` ("certificate.renewed") happened to the object.

    Call it inside the transaction of the change, and before a private key leaves: what cannot be
    written stops what it would have described.
    """
    LogEntry.objects.log_create(
        instance,
        force_log=True,
        action=LogEntry.Action.ACCESS,
        changes={},
        additional_data={"event": event, **details},
    )
