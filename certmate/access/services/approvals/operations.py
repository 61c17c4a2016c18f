"""What can need approval: apps register their operations when they start."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import models

from certmate.access.actors import Actor
from certmate.access.verbs import Verb

CarryOut = Callable[[Actor, Any, dict[str, Any]], object]
"""Calls the service for the actor, on the target (None for what does not exist yet), with the
params that were approved."""


@dataclass(frozen=True)
class Operation:
    """A service function that asks `approvals.require`.

    Without `carry_out` its approval is a ticket: whoever asked repeats the call.
    """

    key: str
    label: str
    model: type[models.Model]
    verb: Verb
    carry_out: CarryOut | None = None


OPERATIONS: dict[str, Operation] = {}


def register(
    key: str,
    *,
    label: str,
    model: type[models.Model],
    verb: Verb,
    carry_out: CarryOut | None = None,
) -> None:
    """Add an operation, from the `ready` of its app. `label` says in words what is done."""
    OPERATIONS[key] = Operation(key, label, model, verb, carry_out)


def carried_out_here() -> list[str]:
    """The operations that CertMate carries out by itself once they are approved."""
    return [key for key, operation in OPERATIONS.items() if operation.carry_out is not None]


def canonical(value: Any) -> str:
    """One text for equal values, in the manner of RFC 8785: sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(operation: str, target: str, params: str) -> str:
    """What a request is recognised by: any difference in what would be done is another one."""
    return hashlib.sha256(canonical([operation, target, params]).encode()).hexdigest()
