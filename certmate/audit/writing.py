"""Every row of the log as it is written: completed, marked, and queued for sealing, in the
transaction of what it tells about.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from auditlog.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction

from certmate.audit import keys
from certmate.audit.canonical import masked, of_objects, plain, text
from certmate.audit.choices import ActorKind
from certmate.audit.context import Who, current, request_id, who_acts
from certmate.audit.models import Event, Unsealed
from certmate.core.bulk import insert_all, new

CHANGES = {
    LogEntry.Action.CREATE: "created",
    LogEntry.Action.UPDATE: "changed",
    LogEntry.Action.DELETE: "deleted",
    LogEntry.Action.ACCESS: "read",
}
nouns: dict[str, str] = {}
"""What changes of a model are called by, where it is not the model's name."""


def together(save: Callable[..., None]) -> Callable[..., None]:
    """A model's `save` that is undone when the audit row about it cannot be written."""

    @wraps(save)
    def saved(self: models.Model, *args: Any, **kwargs: Any) -> None:
        if transaction.get_connection(kwargs.get("using")).in_atomic_block:
            save(self, *args, **kwargs)
            return
        with transaction.atomic(using=kwargs.get("using")):
            save(self, *args, **kwargs)

    return saved


def stamp(sender: object, instance: LogEntry, **_: object) -> None:
    """Complete an audit row before it is saved: who, from where, in which request."""
    if instance.pk is None:
        # The present actor, unless whoever writes the row has named another in `certmate_who`.
        who = instance.__dict__.pop("certmate_who", None) or who_acts()
        _stamp(instance, who, _actor_id(who))


def _stamp(instance: LogEntry, who: Who, actor_id: int | None) -> None:
    context = current()
    instance.__dict__["_certmate_who"] = who
    instance.actor_id = actor_id
    instance.actor_email = who.email
    instance.object_pk = str(instance.object_pk)[:255]
    instance.object_repr = text(str(instance.object_repr))
    instance.additional_data = masked(plain(instance.additional_data))
    # Fields that hold secrets are masked by their declaration.
    instance.changes = plain(instance.changes)
    instance.serialized_data = plain(instance.serialized_data)
    instance.cid = (instance.cid or (request_id() if context else ""))[:64] or None
    instance.remote_addr = (context.address if context else "") or None


def complete(sender: object, instance: LogEntry, created: bool, **_: object) -> None:
    """Add the event beside the row, with the mark over both, and queue them for sealing."""
    if created:
        _complete([instance])


def write_many(entries: list[LogEntry]) -> None:
    """Write rows that no signal announces, because they are inserted together."""
    who = who_acts()
    actor_id = _actor_id(who)
    for entry in entries:
        _stamp(entry, who, actor_id)
    insert_all(entries)
    _complete(entries)


def _complete(entries: list[LogEntry]) -> None:
    events = [_event(entry) for entry in entries]
    for event, entry in zip(events, entries, strict=True):
        event.mac = keys.mark(of_objects(event, entry))
    insert_all(events)
    insert_all([new(Unsealed, entry=entry) for entry in entries])


def event_name(kind: ContentType, action: int, details: dict[str, Any] | None) -> str:
    """What the row is called: as `record` says, or by the model and what was done to it."""
    told = (details or {}).get("event")
    if told:
        return str(told)[:80]
    model = kind.model_class()
    noun = nouns.get(f"{kind.app_label}.{kind.model}") or (
        str(model._meta.verbose_name) if model is not None else kind.model
    )
    return f"{noun.lower().replace(' ', '_')}.{CHANGES[action]}"[:80]


def _actor_id(who: Who) -> int | None:
    """The account, if it is there: a task outlives the one that it runs for."""
    context = current()
    if who.id is None or context is None or context.request:
        return who.id
    return who.id if get_user_model()._default_manager.filter(pk=who.id).exists() else None


def _event(entry: LogEntry) -> Event:
    details = entry.additional_data or {}
    kind = ContentType.objects.get_for_id(entry.content_type_id)
    who: Who = entry.__dict__.get("_certmate_who") or Who(ActorKind.COMMAND)
    context = current()
    order = details.get("order", context.order_id if context else None)
    return new(
        Event,
        entry_id=entry.pk,
        name=event_name(kind, entry.action, details),
        at=entry.timestamp,
        actor_kind=who.kind,
        actor_id=who.id,
        actor_name=text(who.name)[:150],
        token_id=who.token_id,
        token_label=text(who.token_label)[:150],
        object_kind=f"{kind.app_label}.{kind.model}",
        object_pk=entry.object_pk,
        request_id=entry.cid or "",
        order_id=order if isinstance(order, int) else None,
        address=entry.remote_addr or "",
        reason=str(details.get("reason") or "")[:500],
    )
