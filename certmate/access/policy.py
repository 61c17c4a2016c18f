"""The one module that answers "may this actor do this to this object?" and "which objects?".

A right comes from a model permission, from a grant on the object, or from a grant on what it hangs
from; a token narrows it. A model says in class attributes how it takes part:

- `access_via`: it is seen and worked on as the object of this foreign key (an order of a
  certificate).
- `access_parents`: foreign keys to containers; `renew_under_team` on the team reaches the object.
- `access_own`, `access_roles`: foreign keys to a user or group, and what these may do to it.
- `access_names`: the relation with the names that a token's patterns are held against.

`certmate.access.explain` tells why. docs/access.md has it all in words.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from certmate.access import grants
from certmate.access.actors import Actor
from certmate.access.grants import codename, under_codename
from certmate.access.limits import NOTHING
from certmate.access.verbs import Verb, needed_scope
from certmate.core.errors import AccessDenied, NotFound

M = TypeVar("M", bound=models.Model)

FEW = 5_000
"""Rows that are faster fetched by key and sorted than found by walking a list in its order."""

__all__ = [
    "allowed",
    "codename",
    "listed",
    "possible",
    "require",
    "require_no_gain",
    "require_possible",
    "visible",
]


def allowed(actor: Actor, verb: Verb, target: models.Model | type[models.Model]) -> bool:
    """May the actor do this to this object, or (given a model) to every object of this kind?

    An object that is not saved yet is asked about with the containers that it shall have.
    """
    if isinstance(target, models.Model):
        target = root(target)
    model = target if isinstance(target, type) else type(target)
    user = actor.user
    if user is None:
        return True
    if not user.is_active or not actor.has_scope(needed_scope(model, verb)):
        return False
    if isinstance(target, type):
        return actor.limits is None and user.has_perm(codename(model, verb))
    if actor.limits is not None and not actor.limits.admit(verb, target):
        return False
    return user.has_perm(codename(model, verb)) or _is_granted(user, verb, target)


def possible(actor: Actor, verb: Verb, model: type[models.Model]) -> bool:
    """Is there anything that the actor may do this to? A menu asks, or a call without an object."""
    model = root_model(model)
    user = actor.user
    if user is None:
        return True
    if not user.is_active or not actor.has_scope(needed_scope(model, verb)):
        return False
    if actor.limits is not None and actor.limits.narrow(verb, model) == NOTHING:
        return False
    if user.has_perm(codename(model, verb)) or _by_field(model, verb):
        return True
    wanted = {codename(model, verb)}
    wanted |= {under_codename(container, verb) for container in _containers(model)}
    return any(user.has_perm(name) for name in wanted) or not wanted.isdisjoint(_somewhere(user))


def visible(
    actor: Actor, objects: models.QuerySet[M], verb: Verb = Verb.VIEW
) -> models.QuerySet[M]:
    """Those of the objects to which the actor may do this."""
    if actor.user is None:
        return objects
    model, prefix = _path(objects.model)
    if not actor.user.is_active or not actor.has_scope(needed_scope(model, verb)):
        return objects.none()
    if actor.limits is not None:
        objects = objects.filter(actor.limits.narrow(verb, model, prefix))
    if actor.user.has_perm(codename(model, verb)):
        return objects
    return objects.filter(_any(_reach(actor.user, verb, model, prefix)))


def listed(actor: Actor, objects: models.QuerySet[M]) -> models.QuerySet[M]:
    """`visible`, planned for one page of a long list in whatever order.

    Who sees few rows of a million gets these by their keys; who sees many walks the list in its
    order and skips the others. Neither reads a table for a page.
    """
    rows = visible(actor, objects)
    user = actor.user
    model, prefix = _path(objects.model)
    if user is None or prefix or not user.is_active or user.has_perm(codename(model, Verb.VIEW)):
        return rows
    keys: set[Any] = set()
    for branch in _reach(user, Verb.VIEW, model):
        found = model._default_manager.filter(branch).order_by().values_list("pk", flat=True)
        keys.update(found[: FEW + 1])
        if len(keys) > FEW:
            return rows
    return rows.filter(pk__in=keys)


def require(actor: Actor, verb: Verb, target: models.Model | type[models.Model]) -> None:
    """Raise NotFound for an object that the actor may not see, AccessDenied for what it may not
    do.
    """
    if allowed(actor, verb, target):
        return
    if isinstance(target, models.Model) and target.pk and not allowed(actor, Verb.VIEW, target):
        raise NotFound(f"There is no such {target._meta.verbose_name}.")
    raise _denied(verb, target)


def require_possible(actor: Actor, verb: Verb, model: type[models.Model]) -> None:
    """Raise AccessDenied where there is nothing to which the actor may do this."""
    if not possible(actor, verb, model):
        raise _denied(verb, model)


def require_no_gain(actor: Actor, target: models.Model, **containers: models.Model | None) -> None:
    """Raise AccessDenied if hanging the object from these containers gave anybody, the actor
    included, a right to it that the actor does not hold: moving a thing is granting.
    """
    for field, container in containers.items():
        if container is None or getattr(target, f"{field}_id") == container.pk:
            continue
        for name in grants.by_anybody(container):
            verb, is_under, _ = name.partition("_under_")
            if is_under and not allowed(actor, Verb(verb), target):
                raise AccessDenied(
                    f"{container} would let others {verb.replace('_', ' ')} {target}, which you "
                    "may not do yourself.",
                    code="access.gain",
                )


def root(target: models.Model) -> models.Model:
    """The object whose permissions count for this one."""
    via: str = getattr(target, "access_via", "")
    return root(getattr(target, via)) if via else target


def root_model(model: type[models.Model]) -> type[models.Model]:
    """The model whose permissions count for this one."""
    return _path(model)[0]


def _path(model: type[models.Model]) -> tuple[type[models.Model], str]:
    """The model whose permissions count, and the look-up path to it."""
    via: str = getattr(model, "access_via", "")
    if not via:
        return model, ""
    found, path = _path(grants.related(model, via))
    return found, f"{via}__{path}"


def _is_granted(user: User, verb: Verb, obj: models.Model) -> bool:
    pairs = [(codename(type(obj), verb), str(obj.pk))] if obj.pk else []
    for field, container in grants.containers(type(obj)).items():
        pk = getattr(obj, f"{field}_id")
        if pk is not None:
            permission = under_codename(container, verb)
            if user.has_perm(permission):
                return True
            pairs.append((permission, str(pk)))
    for field in _by_field(type(obj), verb, "access_own"):
        if getattr(obj, f"{field}_id") == user.pk:
            return True
    for field in _by_field(type(obj), verb, "access_roles"):
        if user.groups.filter(pk=getattr(obj, f"{field}_id")).exists():
            return True
    return grants.holds(user, pairs)


def _reach(user: User, verb: Verb, model: type[models.Model], prefix: str = "") -> list[Q]:
    """The conditions, one for each way, under which a grant reaches a row."""
    ways = _direct(user, verb, model, prefix)
    parents = grants.containers(model)
    names = {field: under_codename(container, verb) for field, container in parents.items()}
    held = grants.held(user, names.values())
    for field, name in names.items():
        if user.has_perm(name):
            ways.append(Q(**{f"{prefix}{field}__isnull": False}))
        elif name in held:
            ways.append(Q(**{f"{prefix}{field}__in": held[name]}))
    ways += [Q(**{f"{prefix}{name}": user}) for name in _by_field(model, verb, "access_own")]
    groups = user.groups.values("pk")
    roles = _by_field(model, verb, "access_roles")
    return ways + [Q(**{f"{prefix}{name}__in": groups}) for name in roles]


def _direct(user: User, verb: Verb, model: type[models.Model], prefix: str) -> list[Q]:
    name = codename(model, verb)
    if isinstance(model._meta.pk, models.AutoField | models.BigAutoField):
        return [Q(**{f"{prefix}pk__in": keys}) for keys in grants.objects_held(user, name)]
    # Keys of other types, which SQL cannot cast alike everywhere, belong to containers: few.
    keys = grants.held(user, [name]).get(name)
    return [Q(**{f"{prefix}pk__in": keys})] if keys else []


def _by_field(model: type[models.Model], verb: Verb, attribute: str = "") -> list[str]:
    declared = (attribute,) if attribute else ("access_own", "access_roles")
    return [
        field
        for name in declared
        for field, verbs in getattr(model, name, {}).items()
        if verb in verbs
    ]


def _containers(model: type[models.Model]) -> Iterable[type[models.Model]]:
    return grants.containers(model).values()


def _somewhere(user: User) -> frozenset[str]:
    """Kept on the user, who is loaded anew for each request: navigation asks it many times."""
    found: frozenset[str] | None = user.__dict__.get("_certmate_granted")
    if found is None:
        found = user.__dict__["_certmate_granted"] = grants.somewhere(user)
    return found


def _any(ways: list[Q]) -> Q:
    if not ways:
        return NOTHING
    found = Q()
    for way in ways:
        found |= way
    return found


def _denied(verb: Verb, target: models.Model | type[models.Model]) -> AccessDenied:
    model = target if isinstance(target, type) else type(target)
    said = "request" if verb == Verb.REQUEST else verb.replace("_", " ")
    return AccessDenied(f"You may not {said} this {model._meta.verbose_name}.")
