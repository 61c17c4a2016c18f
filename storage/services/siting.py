"""Where a target may be, and as whom it may sign in there: what is asked of its parameters."""

from collections.abc import Mapping
from typing import Any

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core import parameters as declared
from certmate.core.errors import AccessDenied, Conflict, InvalidRequest
from storage.backends.base import BackendSpec
from storage.models import StorageTarget
from storage.services.places import spec_of


def place_of(spec: BackendSpec, values: Mapping[str, str]) -> tuple[str, ...]:
    """Where these parameters lead to: the same for two spellings of one place."""
    defaults = {parameter.name: parameter.default for parameter in spec.parameters}
    if spec.place is not None:
        given = {name: value for name, value in (defaults | dict(values)).items() if value}
        return spec.place(given)
    return tuple(values.get(name, defaults[name]) for name in spec.location)


def require_own_place(actor: Actor, target: StorageTarget) -> None:
    """Raise Conflict (`storage.same_place`) where another target is: they would delete each other's
    bundles. Its name is for who may see it.
    """
    spec = spec_of(target)
    if not spec.location:
        return
    others = StorageTarget.objects.filter(backend=spec.slug).exclude(pk=target.pk)
    place = place_of(spec, target.parameters)
    for other in others:
        if place_of(spec, other.parameters) == place:
            is_seen = policy.allowed(actor, Verb.VIEW, other)
            which = f"The storage target {other.name}" if is_seen else "Another storage target"
            raise Conflict(
                f"{which} is in this place already.",
                code="storage.same_place",
                field=f"parameters.{spec.location[0]}",
            )


def require_sign_in(actor: Actor, spec: BackendSpec, values: Mapping[str, str]) -> None:
    """Raise AccessDenied (`storage.machine`) where the machine would sign in on the word of who may
    not change all targets: its identity opens what he has no secret for.
    """
    if spec.as_machine(values) and not policy.allowed(actor, Verb.CHANGE, StorageTarget):
        raise AccessDenied(
            "Only who may change all storage targets may have one sign in as this machine. Give a "
            "secret of your own.",
            code="storage.machine",
        )


def require_secrets_again(
    spec: BackendSpec,
    stored: Mapping[str, str],
    changed: Mapping[str, str],
    submitted: Mapping[str, Any],
) -> None:
    """Raise InvalidRequest (`storage.secret_needed`) where a stored secret would go elsewhere: who
    may change a target may not read its secrets, and so not send them to another place either.
    """
    if all(stored.get(name) == changed.get(name) for name in (*spec.location, *spec.endpoints)):
        return
    for parameter in declared.kept(spec.parameters, stored, submitted):
        raise InvalidRequest(
            f"{parameter.label} has to be given again, because it would go to another place.",
            code="storage.secret_needed",
            field=f"parameters.{parameter.name}",
        )
