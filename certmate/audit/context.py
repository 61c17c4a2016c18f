"""On whose behalf the present code runs: who, from where, in which request or task.

Every audit row and log line is stamped from here. Of the address only the peer's is believed; a
forwarding header is a claim that anybody can make.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

if TYPE_CHECKING:
    # Logging is configured with this module before Django's models can be loaded.
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    User = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True)
class Context:
    """A request (whose user may become known later), or a task that runs for `user`."""

    request_id: str
    user: "User | None" = None
    request: HttpRequest | None = None

    @property
    def actor(self) -> "User | None":
        user = self.user if self.request is None else getattr(self.request, "user", None)
        return user if user is not None and user.is_authenticated else None

    @property
    def address(self) -> str | None:
        return self.request.META.get("REMOTE_ADDR") if self.request else None


_current: ContextVar[Context | None] = ContextVar("certmate_context", default=None)


def request_id() -> str:
    """The id that ties together log lines and audit rows of one request or task; "-" outside."""
    context = _current.get()
    return context.request_id if context else "-"


@contextmanager
def running(context: Context) -> Iterator[None]:
    """Run a block in this context."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def stamp(sender: object, instance: Any, **_: object) -> None:
    """Complete an audit row before it is saved."""
    context = _current.get()
    if context is None or instance.pk is not None:
        return
    if instance.actor_id is None and context.actor is not None:
        instance.actor = context.actor
        # The name stays when the account is deleted.
        instance.additional_data = {
            **(instance.additional_data or {}),
            "actor": context.actor.get_username(),
        }
        instance.actor_email = getattr(context.actor, "email", None)
    instance.remote_addr = instance.remote_addr or context.address
    instance.cid = instance.cid or context.request_id
    token = getattr(context.request, "auth", None)
    if token is not None:
        instance.additional_data = {**(instance.additional_data or {}), "token": str(token)}


class RequestIdFilter(logging.Filter):
    """Gives every log record its request id."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id()
        return True
