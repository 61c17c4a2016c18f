"""Mirrors of bundles: added, tried again, removed. `storage.mirroring` copies to them.

Whoever may change the source may take all bundles out of it anyway, so that is what it takes; where
the bundle is a certificate's, also the right to change that, because it is about how it is kept.
"""

from django.db import IntegrityError, transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict, InvalidRequest
from certmate.core.jobs import enqueue_on_commit
from storage.backends.base import BundleRef, unknown
from storage.choices import MirrorState
from storage.homes import certificate_of
from storage.models import Mirror, StorageTarget
from storage.services.places import RUN_MIRROR, backend_of
from storage.services.targets import named_target


def add_mirror(*, actor: Actor, kind: str, name: str, source: str, target: str) -> Mirror:
    """Have the bundle, which is at `source`, copied to `target` now and whenever it changes.

    Raises InvalidRequest (`storage.unknown`, `storage.same_target`), NotFound
    (`storage.not_found`) for a bundle that is not there or is of a hidden certificate, Conflict
    (`storage.elsewhere`, `storage.mirrored`).
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
    _require_home(actor, ref, found["source"])
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


def _require_home(actor: Actor, ref: BundleRef, source: StorageTarget) -> None:
    """Raise what `add_mirror` raises where the certificate of this name is not for the actor to
    change, or has its bundles elsewhere: what is at `source` only bears its name then.
    """
    certificate = certificate_of(ref)
    if certificate is None:
        return
    if not policy.allowed(actor, Verb.VIEW, certificate):
        raise unknown(ref)
    policy.require(actor, Verb.CHANGE, certificate)
    if certificate.storage_target != source:  # type: ignore[attr-defined]
        raise Conflict(
            "The certificate of this name has its bundles at another target.",
            code="storage.elsewhere",
            field="source",
        )


def _told(mirror: Mirror) -> dict[str, str]:
    return {"kind": mirror.kind, "name": mirror.name, "to": mirror.target.name}
