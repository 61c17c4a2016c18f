"""What happened, told by parts of the kernel that do not know who listens.

The audit app records it in the same transaction (`certmate.apps` connects the two); a listener that
fails undoes what it was told of.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import models
from django.dispatch import Signal

happened = Signal()
"""Sent with `instance`, `event` (such as "access.granted") and `details`."""


def tell(instance: models.Model, event: str, **details: Any) -> None:
    """Say that `event` happened to the object; the details must be fit for the audit log."""
    happened.send(sender=type(instance), instance=instance, event=event, details=details)


Behalf = Callable[[Any, Any, str], AbstractContextManager[None]]

_behalf: list[Behalf] = []


def acting(user: Any, token: Any, request_id: str) -> AbstractContextManager[None]:
    """A block in which what happens is told as done by this user, with the token that he used."""
    return _behalf[0](user, token, request_id) if _behalf else nullcontext()


def listen_on_behalf(how: Behalf) -> None:
    """Have `acting` run its blocks so; the listener of `happened` knows the actor by it."""
    _behalf[:] = [how]
