"""Storage targets: made, changed, verified, removed; and bundles put into and taken out of them.

The verbs on targets ask for permission. `store`, `load`, `remove` and `list_refs` do not: their
callers have asked whether the actor may do this to the certificate, and audit it there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import ProtectedError, RestrictedError

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
    IntegrityFault,
    InvalidRequest,
    NotFound,
    UpstreamRejected,
    UpstreamUnavailable,
)
from certmate.pki import bundle as pki_bundle
from certmate.pki.bundle import Bundle
from certmate.pki.errors import PKIError
from storage.backends.base import Backend, BackendSpec, BundleRef, OwnPlaces
from storage.catalogue import CATALOGUE, DATABASE
from storage.database import DatabaseBackend
from storage.models import StorageTarget

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
    another target has the same place, ValidationError for a name that is taken or no slug.
    """
    policy.require_possible(actor, Verb.REQUEST, StorageTarget)
    owner = find_team(actor=actor, name=team)
    target = StorageTarget(name=name, backend=backend, is_default=is_default, team=owner)
    policy.require(actor, Verb.REQUEST, target)
    target.parameters = declared.validate(_spec(target).parameters, parameters, field="parameters")
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
    spec = _spec(target)
    changed = None
    if parameters is not None:
        merged = declared.merge(spec.parameters, target.parameters, parameters)
        changed = declared.validate(spec.parameters, merged, field="parameters")
        if _place(spec, changed) != _place(spec, target.parameters):
            _require_empty(target)
        _require_secrets_again(spec, target.parameters, changed, parameters)
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
        _backend(target).probe()
    except CertMateError as error:
        _note(target, "storage_target.verification_failed", verification_error=error.detail)
        raise
    _note(target, "storage_target.verified", verified_at=clock.now(), verification_error="")
    return target


def resolve_target(*, actor: Actor, name: str) -> StorageTarget:
    """The target of that name, the default one for "". Raises InvalidRequest (`storage.unknown`)
    for one that the actor may not see.
    """
    if not name:
        return default_target()
    target = policy.visible(actor, StorageTarget.objects.all()).filter(name=name).first()
    if target is None:
        raise InvalidRequest(
            f"There is no storage target {name!r} that you may use.",
            code="storage.unknown",
            field="storage",
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


def store(*, target: StorageTarget, ref: BundleRef, bundle: Bundle) -> None:
    """Put this version into the target and make it current; a repetition changes nothing.

    Raises IntegrityFault, with the code of what does not fit (`bundle.key_mismatch`, …), before
    anything is written.
    """
    try:
        pki_bundle.check(bundle)
    except PKIError as error:
        raise IntegrityFault(error.detail, code=error.code) from error
    _backend(target).put(ref, bundle)


def is_own_database(target: StorageTarget) -> bool:
    """Whether bundles of this target are rows beside ours, written in the same transaction."""
    return target.backend == DATABASE.slug


def store_many(target: StorageTarget, bundles: Sequence[tuple[BundleRef, Bundle, str]]) -> None:
    """Put new versions, each with its fingerprint, into a target of our own database, in the
    caller's transaction. They are taken as they are: their parts have to fit.
    """
    DatabaseBackend(target.pk).put_many(bundles)


def load(*, target: StorageTarget, ref: BundleRef, fingerprint: str | None = None) -> Bundle:
    """The current version, or the one of this fingerprint. Raises NotFound."""
    return _backend(target).get(ref, fingerprint)


def load_many(
    target: StorageTarget, wanted: Sequence[tuple[BundleRef, str]]
) -> dict[BundleRef, Bundle]:
    """The versions of these fingerprints, as far as they are there."""
    if is_own_database(target):
        return DatabaseBackend(target.pk).get_many(wanted)
    found = {}
    for ref, fingerprint in wanted:
        with suppress(NotFound):
            found[ref] = load(target=target, ref=ref, fingerprint=fingerprint)
    return found


def remove(*, target: StorageTarget, ref: BundleRef, fingerprint: str | None = None) -> None:
    """Remove the bundle, or one version of it that is not current; a repetition changes nothing."""
    _backend(target).delete(ref, fingerprint)


def list_refs(target: StorageTarget) -> Iterator[BundleRef]:
    """Every bundle in the target, one by one."""
    return _backend(target).list()


def seed_default_target() -> None:
    """Make the target of a fresh installation. Where there is any target, nothing changes."""
    if StorageTarget.objects.exists():
        return
    StorageTarget.objects.get_or_create(
        name=LOCAL_NAME, defaults={"backend": "local", "is_default": True}
    )


def _spec(target: StorageTarget) -> BackendSpec:
    spec = CATALOGUE.get(target.backend)
    if spec is None:
        raise InvalidRequest(
            f"There is no such storage backend. Known: {', '.join(CATALOGUE)}.",
            code="storage.unknown_backend",
            field="backend",
        )
    return spec


def _backend(target: StorageTarget) -> Backend:
    places = OwnPlaces(
        data_dir=Path(settings.DATA_DIR),
        database=DatabaseBackend(target.pk),
        kubernetes_token=settings.CERTMATE_KUBERNETES_TOKEN_FILE,
    )
    return _spec(target).build(target.parameters, places)


def _save(actor: Actor, target: StorageTarget) -> None:
    _backend(target)  # Refuses parameters that make no sense together.
    _require_own_place(target)
    before = list(StorageTarget.objects.filter(is_default=True))
    if target.is_default and target not in before:
        # Where everybody's keys go is not decided by a grant on one target or in one team.
        policy.require(actor, Verb.CHANGE, StorageTarget)
        # One by one, so that the audit log says who lost the place.
        for other in before:
            other.is_default = False
            other.save(update_fields=["is_default"])
    target.full_clean()
    target.save()


def _place(spec: BackendSpec, values: Mapping[str, str]) -> tuple[str, ...]:
    defaults = {parameter.name: parameter.default for parameter in spec.parameters}
    return tuple(values.get(name, defaults[name]) for name in spec.location)


def _require_own_place(target: StorageTarget) -> None:
    """Two targets in one place would delete each other's bundles."""
    spec = _spec(target)
    if not spec.location:
        return
    others = StorageTarget.objects.filter(backend=spec.slug).exclude(pk=target.pk)
    place = _place(spec, target.parameters)
    for other in others:
        if _place(spec, other.parameters) == place:
            raise Conflict(
                f"The storage target {other.name} is in this place already.",
                code="storage.same_place",
                field=f"parameters.{spec.location[0]}",
            )


def _require_secrets_again(
    spec: BackendSpec,
    stored: Mapping[str, str],
    changed: Mapping[str, str],
    submitted: Mapping[str, Any],
) -> None:
    """Who may change a target may not read its secrets, and so not send them elsewhere either."""
    if all(stored.get(name) == changed.get(name) for name in (*spec.location, *spec.endpoints)):
        return
    for parameter in spec.parameters:
        kept = submitted.get(parameter.name) in (None, declared.MASK)
        if parameter.secret and kept and parameter.name in stored:
            raise InvalidRequest(
                f"{parameter.label} has to be given again, because it would go to another place.",
                code="storage.secret_needed",
                field=f"parameters.{parameter.name}",
            )


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
        related.related_model._base_manager.filter(**{related.field.name: target}).exists()
        for related in StorageTarget._meta.related_objects
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
