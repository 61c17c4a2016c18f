"""Mirrors of bundles: added, tried again, removed. `storage.mirroring` copies to them.

Whoever may change the source may take all bundles out of it anyway, so that is what it takes.
"""

from django.db import IntegrityError, transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict, InvalidRequest
from certmate.core.jobs import enqueue_on_commit
from storage.backends.base import BundleRef
from storage.choices import MirrorState
from storage.models import Mirror, StorageTarget
from storage.services.places import RUN_MIRROR, backend_of
from storage.services.targets import named_target


def add_mirror(*, actor: Actor, kind: str, name: str, source: str, target: str) -> Mirror:
    """Have the bundle, which is at `source`, copied to `target` now and whenever it changes.

    Raises InvalidRequest (`storage.unknown`, `storage.same_target`), NotFound
    (`storage.not_found`) for a bundle that is not there, Conflict (`storage.mirrored`).
    """
    places = {"source": source, "target": target}
    found = {field: _target(actor, name, field) for field, name in places.items()}
    if found["source"] == found["target"]:
        raise InvalidRequest(
            "A bundle is mirrored at another target than its own.",
            code="storage.same_target",
            field="target",
        )
    ref = BundleRef(kind, name)  # type: ignore[arg-type] # It looks at what it gets.
    wanted = backend_of(found["source"]).get(ref).fingerprint
    mirror = Mirror(kind=kind, name=name, wanted=wanted, next_attempt_at=clock.now(), **found)
    try:
        with transaction.atomic():
            mirror.save()
            record(mirror.source, "storage_target.mirror_added", **_told(mirror))
            enqueue_on_commit(RUN_MIRROR, mirror.pk)
    except IntegrityError as error:
        raise Conflict(
            f"The bundle has a mirror at {mirror.target} already.",
            code="storage.mirrored",
            field="target",
        ) from error
    return mirror


def retry_mirror(*, actor: Actor, mirror: Mirror) -> Mirror:
    """Try now what is waited with."""
    policy.require(actor, Verb.CHANGE, mirror.source)
    with transaction.atomic():
        waiting = Mirror.objects.filter(pk=mirror.pk).exclude(next_attempt_at=None)
        if waiting.update(next_attempt_at=clock.now()):
            enqueue_on_commit(RUN_MIRROR, mirror.pk)
    mirror.refresh_from_db()
    return mirror


def remove_mirror(*, actor: Actor, mirror: Mirror) -> None:
    """Have the copy deleted, as often as it takes; until then the mirror is still told of."""
    policy.require(actor, Verb.CHANGE, mirror.source)
    with transaction.atomic():
        record(mirror.source, "storage_target.mirror_removed", **_told(mirror))
        Mirror.objects.filter(pk=mirror.pk).update(
            state=MirrorState.REMOVING, next_attempt_at=clock.now(), attempts=0
        )
        enqueue_on_commit(RUN_MIRROR, mirror.pk)


def _target(actor: Actor, name: str, field: str) -> StorageTarget:
    target = named_target(actor, name, field=field)
    policy.require(actor, Verb.CHANGE, target)
    return target


def _told(mirror: Mirror) -> dict[str, str]:
    return {"kind": mirror.kind, "name": mirror.name, "to": mirror.target.name}
