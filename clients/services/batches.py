"""Batches: taken in whole or not at all, cancelled, and what came of them handed out."""

from collections.abc import Iterable
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.db.models import Q

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.requesters import asked_by
from certmate.access.verbs import Verb
from certmate.audit.context import request_id
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict, InvalidRequest
from certmate.core.jobs import enqueue_on_commit
from certmate.core.tags import clean_tags
from clients.choices import OPEN_BATCHES, BatchState, RowState
from clients.models import Batch, BatchRow, ClientCertificate
from clients.services.asking import ask
from clients.services.checking import UNENDED, Checker
from clients.services.rows import Row
from clients.services.wishes import ClientWish, Frame, frame_of, require_storable
from providers.models import Profile

RUN_BATCH = "clients.run_batch"
_INSERT = 1000


class _Kept(TypedDict):
    auto_renew: bool
    tags: list[str]


def create_batch(*, actor: Actor, frame_wish: ClientWish, rows: Iterable[tuple[int, Row]]) -> Batch:
    """Check all rows, and queue them if each of them can be issued.

    `frame_wish` says what they have in common: authority, profile, storage, team, tags. A row whose
    key an earlier batch of the same person has issued is that certificate again. Raises
    BatchInvalid with what is wrong by row.
    """
    policy.require_possible(actor, Verb.REQUEST, ClientCertificate)
    require_storable(frame_wish)
    frame = frame_of(actor, frame_wish)
    sample = ClientCertificate(
        identifier="batch",
        team=frame.team,
        authority=frame.authority,
        storage_target=frame.target,
    )
    policy.require(actor, Verb.REQUEST, sample)
    if frame.profile.needs_approval:
        raise needs_approval(frame.profile)
    checker = Checker(actor, frame)
    checked = checker.check(rows)
    kept: _Kept = {"auto_renew": frame_wish.auto_renew, "tags": clean_tags(frame_wish.tags)}
    told: dict[str, Any] = {
        "rows": len(checked),
        "sha256": checker.sha256,
        "profile": frame.profile.name,
        **kept,
    }
    permit = ask(actor, Verb.REQUEST, sample, "batch", **told)
    batch = _new(actor, frame, checked, **kept)
    with transaction.atomic():
        batch.save()
        permit.use(batch)
        record(batch, "batch.requested", **told)
    _load(batch, checked)
    return batch


def needs_approval(profile: Profile) -> InvalidRequest:
    """The error for a profile under which no batch is issued."""
    return InvalidRequest(
        f"Each request under {profile} waits for approval; a batch cannot.",
        code="batch.needs_approval",
        field="profile",
    )


def cancel_batch(*, actor: Actor, batch: Batch) -> Batch:
    """Issue no further row. A worker that is at it notices with its next chunk."""
    policy.require(actor, Verb.VIEW, batch)
    is_own = actor.user is not None and batch.requested_by_id == actor.user.pk
    if not is_own:
        policy.require(actor, Verb.CHANGE, batch)
    with transaction.atomic():
        rows = Batch.objects.filter(pk=batch.pk, state__in=OPEN_BATCHES)
        now = clock.now()
        ended = {"state": BatchState.CANCELLED, "finished_at": now}
        if rows.update(lease_token=None, lease_expires_at=None, **ended) != 1:
            raise Conflict("The batch has ended.", code="batch.ended")
        record(batch, "batch.cancelled")
    batch.refresh_from_db()
    return batch


def _new(actor: Actor, frame: Frame, rows: list[BatchRow], **kept: Unpack[_Kept]) -> Batch:
    return Batch(
        team=frame.team,
        authority=frame.authority,
        profile=frame.profile,
        storage_target=frame.target,
        **kept,
        total=len(rows),
        repeated=sum(row.state == RowState.REPEATED for row in rows),
        **asked_by(actor),
        request_id=request_id()[:64],
    )


def _load(batch: Batch, rows: list[BatchRow]) -> None:
    """In short transactions: others write meanwhile, and what a crash leaves is swept away."""
    for start in range(0, len(rows), _INSERT):
        chunk = rows[start : start + _INSERT]
        try:
            with transaction.atomic():
                _insert(batch, chunk)
        except IntegrityError as error:
            raise _overtaken(batch) from error
    with transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(state=BatchState.QUEUED)
        enqueue_on_commit(RUN_BATCH, batch.pk)
    batch.state = BatchState.QUEUED


def _insert(batch: Batch, chunk: list[BatchRow]) -> None:
    owner = batch.requested_by_id
    for row in chunk:
        row.batch, row.owner = batch, owner
    # An attempt under the same key that came to nothing makes room for this one.
    keys = [row.key for row in chunk if row.key is not None]
    is_over = ~Q(state=RowState.QUEUED) | ~Q(batch__state__in=UNENDED)
    before = BatchRow.objects.filter(is_over, owner=owner, key__in=keys, certificate=None)
    before.update(key=None)
    BatchRow.objects.bulk_create(chunk)


def _overtaken(batch: Batch) -> Conflict:
    """The error for a key that another batch took after the rows were checked; this one ends."""
    error = Conflict("Another batch is issuing a row of the same key.", field="key")
    told = {"error_code": error.code, "error_detail": error.detail}
    with transaction.atomic():
        Batch.objects.filter(pk=batch.pk, state=BatchState.LOADING).update(
            state=BatchState.FAILED, finished_at=clock.now(), **told
        )
        record(batch, "batch.failed", code=error.code)
    return error
