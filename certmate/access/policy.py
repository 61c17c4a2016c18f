"""The one module that answers "may this actor do this to this object?" and "which objects?".

A right comes from a model permission or from a guardian grant on the object; a token narrows it. A
model that hangs from another (an order from its certificate) names the field in `access_via` and is
seen with it.
"""

from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import models
from guardian.shortcuts import get_objects_for_user

from certmate.access.actors import Actor
from certmate.access.verbs import Verb, needed_scope
from certmate.core.errors import AccessDenied, NotFound

M = TypeVar("M", bound=models.Model)


def codename(model: type[models.Model], verb: Verb) -> str:
    """The permission of the verb on the model, such as `certificates.renew_certificate`."""
    return f"{model._meta.app_label}.{verb}_{model._meta.model_name}"


def allowed(actor: Actor, verb: Verb, target: models.Model | type[models.Model]) -> bool:
    """May the actor do this to this object, or (given a model) to objects of this kind at all?"""
    if isinstance(target, models.Model):
        target = _root(target)
    model = target if isinstance(target, type) else type(target)
    if actor.user is None:
        return True
    if not actor.has_scope(needed_scope(model, verb)):
        return False
    permission = codename(model, verb)
    if actor.user.has_perm(permission):
        return True
    return isinstance(target, models.Model) and bool(actor.user.has_perm(permission, target))


def visible(
    actor: Actor, objects: models.QuerySet[M], verb: Verb = Verb.VIEW
) -> models.QuerySet[M]:
    """Those of the objects to which the actor may do this."""
    if actor.user is None:
        return objects
    via: str = getattr(objects.model, "access_via", "")
    if via:
        parent: Any = objects.model._meta.get_field(via).related_model
        if allowed(actor, verb, parent):
            return objects
        return objects.filter(**{f"{via}__in": visible(actor, parent._default_manager.all(), verb)})
    if not actor.user.is_active or not actor.has_scope(needed_scope(objects.model, verb)):
        return objects.none()
    return _granted(actor.user, objects, verb)


def require(actor: Actor, verb: Verb, target: models.Model | type[models.Model]) -> None:
    """Raise NotFound for an object that the actor may not see, AccessDenied for what it may not
    do.
    """
    if allowed(actor, verb, target):
        return
    if isinstance(target, models.Model) and not allowed(actor, Verb.VIEW, target):
        raise NotFound(f"There is no such {target._meta.verbose_name}.")
    model = target if isinstance(target, type) else type(target)
    raise AccessDenied(f"You may not {verb.replace('_', ' ')} this {model._meta.verbose_name}.")


def _granted(user: User, objects: models.QuerySet[M], verb: Verb) -> models.QuerySet[M]:
    if user.has_perm(codename(objects.model, verb)):
        return objects
    return get_objects_for_user(
        user, codename(objects.model, verb), objects, accept_global_perms=False
    )


def _root(target: models.Model) -> models.Model:
    via: str = getattr(target, "access_via", "")
    return _root(getattr(target, via)) if via else target
