"""Storage targets: made, changed, verified, removed."""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, Q, RestrictedError

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services import find_team, give_to_team
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock
from certmate.core import parameters as declared
from certmate.core.errors import (
    CertMateError,
    Conflict,
    InvalidRequest,
    UpstreamRejected,
    UpstreamUnavailable,
)
from certmate.core.relations import references_to
from storage.catalogue import CATALOGUE
from storage.choices import OPEN_WORK
from storage.models import StorageMigration, StorageRebuild, StorageTarget
from storage.services.places import backend_of, list_refs, spec_of
from storage.services.siting import (
    place_of,
    require_own_place,
    require_secrets_again,
    require_sign_in,
)

logger = logging.getLogger(__name__)

LOCAL_NAME = "local"


def create_target(
    *,
    actor: Actor,
    name: str,
    backend: str,
    parameters: Mapping[str, Any],
    is_default: bool = False,
    team: str = "",
) -> StorageTarget:
    """Make a target; as the default it takes that place from another one. Nothing is contacted.

    Raises InvalidRequest for an unknown backend or parameter, Conflict (`storage.same_place`) if
    another target has the same place, AccessDenied (`storage.machine`) if the machine would sign in
    there, ValidationError for a name that is taken or no slug.
    """
    policy.require_possible(actor, Verb.REQUEST, StorageTarget)
    owner = find_team(actor=actor, name=team)
    target = StorageTarget(name=name, backend=backend, is_default=is_default, team=owner)
    policy.require(actor, Verb.REQUEST, target)
    target.parameters = declared.validate(
        spec_of(target).parameters, parameters, field="parameters"
    )
    require_sign_in(actor, spec_of(target), target.parameters)
    with transaction.atomic():
        _save(actor, target)
    return target


def update_target(
    *,
    actor: Actor,
    target: StorageTarget,
    name: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    is_default: bool | None = None,
    team: str | None = None,
) -> StorageTarget:
    """Change what is given. A secret that is left out or sent back as `MASK` stays as it is.

    Changed parameters make the last verification void. Raises as `create_target` does, and Conflict
    (`storage.in_use`) if the place would change under bundles that are there.
    """
    policy.require(actor, Verb.CHANGE, target)
    spec = spec_of(target)
    changed = None
    if parameters is not None:
        merged = declared.merge(spec.parameters, target.parameters, parameters)
        changed = declared.validate(spec.parameters, merged, field="parameters")
        if changed != target.parameters:
            require_sign_in(actor, spec, changed)
        if place_of(spec, changed) != place_of(spec, target.parameters):
            _require_empty(target)
        require_secrets_again(spec, target.parameters, changed, parameters)
    with transaction.atomic():
        target = StorageTarget.objects.select_for_update().get(pk=target.pk)
        target.name = target.name if name is None else name
        target.is_default = target.is_default if is_default is None else is_default
        if team is not None:
            owner = find_team(actor=actor, name=team)
            give_to_team(actor=actor, target=target, team=owner)
        if changed is not None and changed != target.parameters:
            target.parameters = changed
            target.verified_at, target.verification_error = None, ""
        _save(actor, target)
    return target


def delete_target(*, actor: Actor, target: StorageTarget) -> None:
    """Remove the target. Raises Conflict (`storage.in_use`) while it holds or serves anything."""
    policy.require(actor, Verb.DELETE, target)
    _require_empty(target)
    try:
        with transaction.atomic():
            # The audit log tells of those that have ended.
            ended = Q(source=target) | Q(destination=target)
            StorageMigration.objects.filter(ended).exclude(state__in=OPEN_WORK).delete()
            rebuilds = StorageRebuild.objects.filter(target=target)
            rebuilds.exclude(state__in=OPEN_WORK).delete()
            target.delete()
    except (ProtectedError, RestrictedError) as error:
        raise _in_use(target) from error


def verify_target(*, actor: Actor, target: StorageTarget) -> StorageTarget:
    """Try the target with a harmless value and keep the outcome on it.

    Raises what the backend raised, after it has been noted. Opens no transaction around the
    backend, which may take its time.
    """
    policy.require(actor, Verb.CHANGE, target)
    try:
        backend_of(target).probe()
    except CertMateError as error:
        _note(target, "storage_target.verification_failed", verification_error=error.detail)
        raise
    _note(target, "storage_target.verified", verified_at=clock.now(), verification_error="")
    return target


def touch_targets() -> int:
    """Use each sign-in that would lapse, so that it is renewed in time; returns how many were."""
    lapsing = [slug for slug, spec in CATALOGUE.items() if spec.lapses]
    touched = 0
    for target in StorageTarget.objects.filter(backend__in=lapsing):
        try:
            next(list_refs(target), None)
            touched += 1
        except CertMateError as error:
            logger.warning("%s: %s: %s", target, error.code, error.detail)
    return touched


def resolve_target(*, actor: Actor, name: str) -> StorageTarget:
    """The target of that name, the default one for "". Raises InvalidRequest (`storage.unknown`)
    for one that the actor may not see.
    """
    return named_target(actor, name, field="storage") if name else default_target()


def named_target(actor: Actor, name: str, *, field: str) -> StorageTarget:
    """The target of that name, which `field` of the input has. Raises as `resolve_target` does."""
    target = policy.visible(actor, StorageTarget.objects.all()).filter(name=name).first()
    if target is None:
        raise InvalidRequest(
            f"There is no storage target {name!r} that you may use.",
            code="storage.unknown",
            field=field,
        )
    return target


def default_target() -> StorageTarget:
    """The target for what names none. Raises Conflict (`storage.no_default`)."""
    target = StorageTarget.objects.filter(is_default=True).first()
    if target is None:
        raise Conflict(
            "No storage target is the default. Name one, or make one the default.",
            code="storage.no_default",
        )
    return target


def seed_default_target() -> None:
    """Make the target of a fresh installation. Where there is any target, nothing changes."""
    if StorageTarget.objects.exists():
        return
    StorageTarget.objects.get_or_create(
        name=LOCAL_NAME, defaults={"backend": "local", "is_default": True}
    )


def _save(actor: Actor, target: StorageTarget) -> None:
    backend_of(target)  # Refuses parameters that make no sense together.
    require_own_place(actor, target)
    before = list(StorageTarget.objects.filter(is_default=True))
    if target.is_default and target not in before:
        # Where everybody's keys go is not decided by a grant on one target or in one team.
        policy.require(actor, Verb.CHANGE, StorageTarget)
        # One by one, so that the audit log says who lost the place.
        for other in before:
            other.is_default = False
            other.save(update_fields=["is_default"])
    target.full_clean()
    try:
        with transaction.atomic():
            target.save()
    except IntegrityError as error:
        raise Conflict(
            "Somebody else has just taken this name or made another target the default; look, and "
            "try again.",
            code="request.taken",
        ) from error


def _require_empty(target: StorageTarget) -> None:
    try:
        holds_any = next(list_refs(target), None) is not None
    except (UpstreamRejected, UpstreamUnavailable):
        # A place that never could be asked, such as one that was mistyped, holds nothing of ours.
        if target.verified_at is not None or _is_named(target):
            raise
        return
    if holds_any:
        raise _in_use(target)


def _is_named(target: StorageTarget) -> bool:
    """Whether any row of any app refers to the target."""
    return any(
        model._base_manager.filter(**{field: target}).exists()
        for model, field in references_to(StorageTarget)
    )


def _in_use(target: StorageTarget) -> Conflict:
    return Conflict(
        f"The storage target {target.name} holds bundles or certificates name it.",
        code="storage.in_use",
    )


def _note(target: StorageTarget, event: str, **outcome: Any) -> None:
    for field, value in outcome.items():
        setattr(target, field, value)
    with transaction.atomic():
        target.save(update_fields=list(outcome))
        record(target, event)
