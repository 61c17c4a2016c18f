"""Taking over what was logged before the log was sealed.

Only rows up to the id that the migration found, and before the first checkpoint: afterwards a row
without its event was not written by CertMate.
"""

from collections.abc import Callable, Mapping

from auditlog.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import transaction

from certmate.audit import keys
from certmate.audit.canonical import of_objects
from certmate.audit.choices import ActorKind
from certmate.audit.models import Checkpoint, Event, LogState, Unsealed
from certmate.audit.writing import event_name

BATCH = 1000


def adopt(hold: Callable[[], None]) -> int:
    """Give the older rows their events, batch by batch; `hold` keeps the lease. Returns how many.

    A batch is one transaction, so that an interrupted adoption goes on where it stopped.
    """
    total = 0
    # Once something is sealed, whoever raises the limit in the database gains nothing.
    while not Checkpoint.objects.exists():
        state = LogState.objects.get(pk=LogState.ONLY)
        if state.adopted_through >= state.adopt_through:
            return total
        rows = LogEntry.objects.filter(pk__gt=state.adopted_through, pk__lte=state.adopt_through)
        batch = list(rows.filter(told=None).select_related("content_type").order_by("pk")[:BATCH])
        with transaction.atomic():
            hold()
            events = _events(batch)
            Event.objects.bulk_create(events, batch_size=200)
            Unsealed.objects.bulk_create(Unsealed(entry_id=event.entry_id) for event in events)
            through = batch[-1].pk if len(batch) == BATCH else state.adopt_through
            LogState.objects.filter(pk=LogState.ONLY).update(adopted_through=through)
        total += len(batch)
    return total


def _events(entries: list[LogEntry]) -> list[Event]:
    people = get_user_model()._default_manager.in_bulk({entry.actor_id for entry in entries})
    return [_event(entry, people) for entry in entries]


def _event(entry: LogEntry, people: Mapping[int, object]) -> Event:
    details = entry.additional_data or {}
    kind, order = entry.content_type, details.get("order")
    person = people.get(entry.actor_id)
    name = str(details.get("actor") or person or "")
    event = Event(
        entry_id=entry.pk,
        name=event_name(kind, entry.action, details),
        at=entry.timestamp,
        # Older rows do not say more: with an account it was a person, else CertMate itself.
        actor_kind=ActorKind.PERSON if name else ActorKind.SCHEDULE,
        actor_id=entry.actor_id,
        actor_name=name[:150],
        token_label=str(details.get("token") or "")[:150],
        object_kind=f"{kind.app_label}.{kind.model}",
        object_pk=entry.object_pk,
        request_id=entry.cid or "",
        order_id=order if isinstance(order, int) else None,
        address=entry.remote_addr or "",
        reason=str(details.get("reason") or "")[:500],
    )
    event.mac = keys.mark(of_objects(event, entry))
    return event
