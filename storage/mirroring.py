"""Mirrors brought up to date: whatever happens to one of them, nobody waits for it.

A mirror's row says what it shall have. Whoever is killed leaves a lease that ends, and a failure is
tried again, less and less often.
"""

import logging
import uuid
from datetime import timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q

from certmate.audit.services import record
from certmate.core import claims, clock
from certmate.core.errors import CertMateError, LeaseLost
from certmate.core.jobs import enqueue
from storage.backends.base import BundleRef
from storage.choices import MirrorState
from storage.copying import copy_version
from storage.models import Mirror
from storage.services.migrations import is_version, naming_models
from storage.services.places import RUN_MIRROR, backend_of

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)
LADDER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360))
WAKE_AT_ONCE = 200


def run_mirror(mirror_id: int) -> None:
    """Do what the mirror's row says, if it is due and nobody else is at it."""
    now = clock.now()
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lte=now)
    due = Mirror.objects.filter(free, next_attempt_at__lte=now)
    token = claims.claim(due, mirror_id, lease=LEASE, now=now)
    if token is None:
        return
    mirror = Mirror.objects.select_related("source", "target").get(pk=mirror_id)
    try:
        if mirror.state == MirrorState.REMOVING:
            _remove(mirror, token)
        else:
            _copy(mirror, token)
    except LeaseLost as error:
        logger.warning("%s: stopped: %s", mirror, error.detail)
    except CertMateError as error:
        _put_off(mirror, token, error)
    except (OperationalError, InterfaceError) as error:
        # The lease runs out, and the sweep takes it up again.
        logger.warning("%s: %s", mirror, error)


def sweep_mirrors() -> int:
    """Wake the mirrors that are due; returns how many."""
    now = clock.now()
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lte=now)
    due = Mirror.objects.filter(free, next_attempt_at__lte=now).order_by("next_attempt_at")
    woken = list(due.values_list("pk", flat=True)[:WAKE_AT_ONCE])
    for pk in woken:
        enqueue(RUN_MIRROR, pk)
    return len(woken)


def _copy(mirror: Mirror, token: uuid.UUID) -> None:
    ref = _ref(mirror)
    bundle = backend_of(mirror.source).get(ref, mirror.wanted)
    copy_version(backend_of(mirror.target), ref, bundle)
    with transaction.atomic():
        claims.fenced(
            Mirror,
            mirror.pk,
            token,
            stored=mirror.wanted,
            stored_at=clock.now(),
            attempts=0,
            error_code="",
            error_detail="",
            lease_token=None,
            lease_expires_at=None,
        )
        # Unless something newer was stored, or the mirror given up, meanwhile: that is still due.
        same = Mirror.objects.filter(pk=mirror.pk, wanted=mirror.wanted)
        same.exclude(state=MirrorState.REMOVING).update(
            state=MirrorState.STORED, next_attempt_at=None
        )
        told = {"kind": mirror.kind, "name": mirror.name, "to": mirror.target.name}
        record(mirror.source, "storage_target.bundle_copied", **told)


def _remove(mirror: Mirror, token: uuid.UUID) -> None:
    if not _is_own_place(mirror):
        backend_of(mirror.target).delete(_ref(mirror))
    if Mirror.objects.filter(pk=mirror.pk, lease_token=token).delete()[0] != 1:
        raise LeaseLost(f"Another worker holds mirror {mirror.pk} now.")


def _is_own_place(mirror: Mirror) -> bool:
    """Whether the mirror's target is by now, or was for an older version, the bundle's own one:
    what is there is no copy then.
    """
    if mirror.target_id == mirror.source_id:
        return True
    fingerprints = backend_of(mirror.target).versions(_ref(mirror))
    return any(
        model._default_manager.filter(
            storage_target=mirror.target, fingerprint__in=fingerprints
        ).exists()
        for model in naming_models()
        if is_version(model)
    )


def _put_off(mirror: Mirror, token: uuid.UUID, error: CertMateError) -> None:
    wait = LADDER[min(mirror.attempts, len(LADDER) - 1)]
    values = {
        "attempts": mirror.attempts + 1,
        "next_attempt_at": clock.now() + wait + clock.jitter(wait / 4),
        "error_code": error.code,
        "error_detail": error.detail,
        "lease_token": None,
        "lease_expires_at": None,
    }
    if mirror.state != MirrorState.REMOVING:
        values["state"] = MirrorState.FAILING
    # Only if nothing was wanted of it meanwhile: that is due now.
    same = Mirror.objects.filter(pk=mirror.pk, lease_token=token, wanted=mirror.wanted)
    if same.filter(state=mirror.state).update(**values) != 1:
        free = {"lease_token": None, "lease_expires_at": None}
        Mirror.objects.filter(pk=mirror.pk, lease_token=token).update(**free)
    logger.warning("%s: %s: %s", mirror, error.code, error.detail)


def _ref(mirror: Mirror) -> BundleRef:
    return BundleRef(mirror.kind, mirror.name)  # type: ignore[arg-type] # Checked when it was made.
