"""On whose behalf the present code runs: who, from where, in which request or task.

Every audit row and log line is stamped from here.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from celery import current_task
from django.http import HttpRequest

from certmate.audit.choices import ActorKind
from certmate.core.addresses import client_address

if TYPE_CHECKING:
    # Logging is configured with this module before Django's models can be loaded.
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    User = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True)
class Who:
    """The actor in plain values, which outlive the account and the token."""

    kind: ActorKind
    id: int | None = None
    name: str = ""
    email: str | None = None
    token_id: str = ""
    token_label: str = ""


@dataclass(frozen=True)
class Context:
    """A request (whose user may become known later), or a task that runs for `user`.

    A task without a user is the schedule's. `order_id` is the order that is carried out.
    """

    request_id: str
    user: "User | None" = None
    request: HttpRequest | None = None
    token: Any = None
    order_id: int | None = None

    @property
    def actor(self) -> "User | None":
        user = self.user if self.request is None else getattr(self.request, "user", None)
        return user if user is not None and user.is_authenticated else None

    @property
    def address(self) -> str:
        return "" if self.request is None else peer(self.request)

    @property
    def who(self) -> Who:
        token = self.token if self.request is None else getattr(self.request, "auth", None)
        user = self.actor
        if user is not None:
            return who_is(user, token)
        return Who(ActorKind.SCHEDULE if self.request is None else ActorKind.ANONYMOUS)


_current: ContextVar[Context | None] = ContextVar("certmate_context", default=None)


def current() -> Context | None:
    """The context of this request or task; None outside."""
    return _current.get()


def who_acts() -> Who:
    """The actor of the present code. Outside of requests and tasks it is a command."""
    context = _current.get()
    if context is not None:
        return context.who
    return Who(ActorKind.SCHEDULE if _is_task() else ActorKind.COMMAND)


def _is_task() -> bool:
    return current_task._get_current_object() is not None  # type: ignore[attr-defined]


def who_is(user: Any, token: Any = None) -> Who:
    """A user, with the token that it came with if it did."""
    kind = ActorKind.PERSON
    if token is not None and getattr(token, "is_agent", False):
        kind = ActorKind.AGENT
    elif getattr(user, "service_account", None) is not None:
        kind = ActorKind.SERVICE
    return Who(
        kind=kind,
        id=user.pk,
        name=user.get_username(),
        email=getattr(user, "email", None),
        token_id="" if token is None else str(getattr(token, "pk", "")),
        token_label="" if token is None else str(token),
    )


def peer(request: HttpRequest) -> str:
    """The address of the other end in its one canonical form; "" for a unix socket."""
    try:
        found = ip_address(client_address(request))
    except ValueError:
        return ""
    return str(getattr(found, "ipv4_mapped", None) or found)


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


class RequestIdFilter(logging.Filter):
    """Gives every log record its request id."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id()
        return True
