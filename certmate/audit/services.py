"""Writing the audit log: field changes by django-auditlog, and what happened in our own words."""

from collections.abc import Sequence
from typing import Any

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib.contenttypes.models import ContentType
from django.db import models

from certmate.audit import writing
from certmate.audit.context import Who
from certmate.core import clock
from certmate.core.bulk import new
from certmate.core.fields import EncryptedJSONField
from certmate.core.parameters import MASK

CONFIGURATION = "configuration"
"""The noun for what administrators set up: accounts, targets, schedules."""


def mask(value: str) -> str:
    """What stands in the log for a secret: that it changed, never any part of it."""
    return MASK


def register(
    model: type[models.Model],
    *,
    exclude: tuple[str, ...] = (),
    masked: tuple[str, ...] = (),
    noun: str = "",
) -> None:
    """Log every saved change of the model's own fields, in the transaction of the change; encrypted
    and `masked` ones appear masked.

    The events are called `noun.created`, `noun.changed` and `noun.deleted`; without one the model's
    own name is the noun.
    """
    fields = model._meta.concrete_fields
    auditlog.register(
        model,
        # Named one by one: by default the log also takes what other models say of this one.
        include_fields=[field.name for field in fields if field.name not in exclude],
        mask_fields=[
            field.name
            for field in fields
            if isinstance(field, EncryptedJSONField) or field.name in masked
        ],
        mask_callable="certmate.audit.services.mask",
        m2m_fields={field.name for field in model._meta.many_to_many},
    )
    model.save = writing.together(model.save)  # type: ignore[method-assign]
    if noun:
        writing.nouns[model._meta.label_lower] = noun


def record(instance: models.Model, event: str, **details: Any) -> None:
    """Log that `event` ("certificate.renewed") happened to the object.

    Call it inside the transaction of the change, and before a private key leaves: what cannot be
    written stops what it would have described. `order` and `reason` among the details can be
    searched for.
    """
    LogEntry.objects.log_create(
        instance,
        force_log=True,
        action=LogEntry.Action.ACCESS,
        changes={},
        additional_data={"event": event, **details},
    )


def record_many(rows: Sequence[tuple[models.Model, str, dict[str, Any]]]) -> None:
    """Log many events at once, each as `record` does: object, event, details."""
    now = clock.now()
    writing.write_many(
        [
            new(
                LogEntry,
                content_type_id=ContentType.objects.get_for_model(instance).pk,
                object_pk=str(instance.pk),
                object_id=instance.pk if isinstance(instance.pk, int) else None,
                object_repr=str(instance),
                action=LogEntry.Action.ACCESS,
                changes={},
                timestamp=now,
                additional_data={"event": event, **details},
            )
            for instance, event, details in rows
        ]
    )


def record_about(
    model: type[models.Model],
    event: str,
    *,
    pk: object = "",
    shown: str = "",
    who: Who | None = None,
    **details: Any,
) -> None:
    """Log what happened to an object that may not exist, such as a sign-in under a wrong name.

    `who` is the actor, where it is not that of the context.
    """
    entry = LogEntry(
        content_type=ContentType.objects.get_for_model(model),
        object_pk=str(pk),
        object_id=pk if isinstance(pk, int) else None,
        object_repr=shown,
        action=LogEntry.Action.ACCESS,
        changes={},
        additional_data={"event": event, **details},
    )
    if who is not None:
        entry.__dict__["certmate_who"] = who
    entry.save()
