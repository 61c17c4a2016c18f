"""The one module that answers "may this actor do this to this object?" and "which objects?".

A right comes from a model permission, from a grant on the object, or from a grant on what it hangs
from; a token narrows it. A model says in class attributes how it takes part:

- `access_via`: it is seen and worked on as the object of this foreign key (an order of a
  certificate).
- `access_parents`: foreign keys to containers; `renew_under_team` on the team reaches the object.
- `access_own`, `access_roles`: fields that name a user, or groups, and what these may do to it.
- `access_token`: foreign key to the token that made it, which sees it however narrow it is.
- `access_shared`: tokens see it however narrow they are, as far as their owner does.
- `access_names`: the relation with the names that a token's patterns are held against.

`certmate.access.explain` tells why. docs/access.md has it all in words.
"""

from collections.abc import Iterable
from typing import TypeVar

from django.contrib.auth.models import User
from django.db import models

from certmate.access import grants, reach
from certmate.access.actors import Actor
from certmate.access.grants import codename, under_codename
from certmate.access.limits import NOTHING, any_of
from certmate.access.verbs import Verb, needed_scope
from certmate.core.errors import AccessDenied, NotFound

M = TypeVar("M", bound=models.Model)

FEW = 20_000
"""So many rows are faster fetched by key and sorted than found by walking a list in its order."""

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
    wanted = {codename(model, verb)}
    wanted |= {under_codename(container, verb) for container in _containers(model)}
    if any(user.has_perm(name) for name in wanted) or not wanted.isdisjoint(_somewhere(user)):
        return True
    ways = reach.by_fields(user, verb, model)
    return bool(ways) and model._default_manager.filter(any_of(ways)).exists()


def visible(
    actor: Actor, objects: models.QuerySet[M], verb: Verb = Verb.VIEW
) -> models.QuerySet[M]:
    """Those of the objects to which the actor may do this."""
    rows, model, prefix = _narrowed(actor, objects, verb)
    if model is None or actor.user is None:
        return rows
    return rows.filter(any_of(reach.ways(actor.user, verb, model, prefix)))


def listed(actor: Actor, objects: models.QuerySet[M]) -> models.QuerySet[M]:
    """`visible`, planned for one page of a long list in whatever order.

    Who sees few rows of a million gets these by their keys; who sees many walks the list in its
    order and skips the others. Neither reads a table for a page, and no database can tell by itself
    which it should be.
    """
    rows, model, prefix = _narrowed(actor, objects, Verb.VIEW)
    if model is None or actor.user is None:
        return rows
    if reach.exceeds(FEW, actor.user, Verb.VIEW, model):
        return rows.filter(any_of(reach.walked(actor.user, Verb.VIEW, model, prefix)))
    keys = objects.model._default_manager.order_by().values("pk")
    branches = [keys.filter(way) for way in reach.ways(actor.user, Verb.VIEW, model, prefix)]
    if not branches:
        return rows.none()
    first, *others = branches
    return rows.filter(pk__in=first.union(*others))


def _narrowed(
    actor: Actor, objects: models.QuerySet[M], verb: Verb
) -> tuple[models.QuerySet[M], type[models.Model] | None, str]:
    """The rows that scope and limits of a token leave; and, where only grants decide about these,
    the model whose grants they are, and the path to it.
    """
    user = actor.user
    if user is None:
        return objects, None, ""
    model, prefix = _path(objects.model)
    if not user.is_active or not actor.has_scope(needed_scope(model, verb)):
        return objects.none(), None, ""
    if actor.limits is not None:
        objects = objects.filter(actor.limits.narrow(verb, model, prefix))
    return objects, None if user.has_perm(codename(model, verb)) else model, prefix


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
    for field in reach.named_fields(type(obj), verb, "access_own"):
        if getattr(obj, f"{field}_id") == user.pk:
            return True
    for field in reach.named_fields(type(obj), verb, "access_roles"):
        rows = type(obj)._default_manager.filter(pk=obj.pk)
        if rows.filter(reach.of_roles(user, type(obj), field)).exists():
            return True
    return grants.holds(user, pairs)


def _containers(model: type[models.Model]) -> Iterable[type[models.Model]]:
    return grants.containers(model).values()


def _somewhere(user: User) -> frozenset[str]:
    """Kept on the user, who is loaded anew for each request: navigation asks it many times."""
    found: frozenset[str] | None = user.__dict__.get("_certmate_granted")
    if found is None:
        found = user.__dict__["_certmate_granted"] = grants.somewhere(user)
    return found


def _denied(verb: Verb, target: models.Model | type[models.Model]) -> AccessDenied:
    model = target if isinstance(target, type) else type(target)
    said = "request" if verb == Verb.REQUEST else verb.replace("_", " ")
    return AccessDenied(f"You may not {said} this {model._meta.verbose_name}.")
