"""What happened, told by parts of the kernel that do not know who listens.

The audit app records it in the same transaction (`certmate.apps` connects the two); a listener that
fails undoes what it was told of.
"""

from typing import Any

from django.db import models
from django.dispatch import Signal

happened = Signal()
"""Sent with `instance`, `event` (such as "access.granted") and `details`."""


def tell(instance: models.Model, event: str, **details: Any) -> None:
    """Say that `event` happened to the object; the details must be fit for the audit log."""
    happened.send(sender=type(instance), instance=instance, event=event, details=details)
