"""Which rows a user's grants reach, as conditions of a query: one for each way to a right."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.db.models import CharField, Exists, F, OuterRef, Q
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import In

from certmate.access import grants
from certmate.access.grants import codename, under_codename
from certmate.access.verbs import Verb


def ways(user: User, verb: Verb, model: type[models.Model], prefix: str = "") -> list[Q]:
    """Conditions that a database answers from the grants: it fetches the rows by their keys."""
    found = _direct(user, codename(model, verb), model, prefix)
    return [
        *found,
        *_by_container(user, verb, model, prefix, _among),
        *by_fields(user, verb, model, prefix),
    ]


def walked(user: User, verb: Verb, model: type[models.Model], prefix: str = "") -> list[Q]:
    """The same rows by conditions that no index answers: the database walks the list in its order
    and looks up for each row whether a grant reaches it.
    """
    name = codename(model, verb)
    key = Cast(OuterRef(f"{prefix}pk"), CharField())
    # What costs no look-up comes first: a database need not go on when it holds.
    found = _by_container(user, verb, model, prefix, _unindexed)
    found += by_fields(user, verb, model, prefix)
    if not _has_number(model):
        return found + _direct(user, name, model, prefix)
    return found + [Q(Exists(rows.filter(object_pk=key))) for rows in grants.rows_of(user, name)]


def exceeds(limit: int, user: User, verb: Verb, model: type[models.Model]) -> bool:
    """Whether the grants reach more rows of the model than `limit`; an estimate, for a plan.

    Grants on single objects are counted as they stand, because joined to the objects they would
    cost what the plan is to save.
    """
    conditions = _by_container(user, verb, model, "", _among) + by_fields(user, verb, model)
    counted = [model._default_manager.order_by().filter(way) for way in conditions]
    if _has_number(model):
        counted += grants.rows_of(user, codename(model, verb))
    return sum(rows.values("pk")[: limit + 1].count() for rows in counted) > limit


def by_fields(user: User, verb: Verb, model: type[models.Model], prefix: str = "") -> list[Q]:
    """The rows that name the user, or a group of his, in `access_own` or `access_roles`."""
    own = [Q(**{f"{prefix}{name}": user}) for name in named_fields(model, verb, "access_own")]
    roles = named_fields(model, verb, "access_roles")
    return own + [of_roles(user, model, name, prefix) for name in roles]


def of_roles(user: User, model: type[models.Model], field: str, prefix: str = "") -> Q:
    """The rows whose field names a group of the user. It may name several: a join would then repeat
    rows, and a subquery does not.
    """
    groups = user.groups.values("pk")
    rows = model._default_manager.filter(**{f"{field}__in": groups}).order_by().values("pk")
    return Q(**{f"{prefix}pk__in": rows})


def named_fields(model: type[models.Model], verb: Verb, attribute: str) -> list[str]:
    """The fields of `access_own` or `access_roles` that give this verb."""
    return [field for field, verbs in getattr(model, attribute, {}).items() if verb in verbs]


def _by_container(
    user: User,
    verb: Verb,
    model: type[models.Model],
    prefix: str,
    among: Callable[[str, type[models.Model], list[Any]], Q],
) -> list[Q]:
    parents = grants.containers(model)
    names = {field: under_codename(container, verb) for field, container in parents.items()}
    held = grants.held(user, names.values())
    found = []
    for field, name in names.items():
        if user.has_perm(name):
            found.append(Q(**{f"{prefix}{field}__isnull": False}))
        elif name in held:
            found.append(among(f"{prefix}{field}", parents[field], held[name]))
    return found


def _among(path: str, container: type[models.Model], keys: list[Any]) -> Q:
    return Q(**{f"{path}__in": keys})


def _unindexed(path: str, container: type[models.Model], keys: list[Any]) -> Q:
    column = F(f"{path}_id") if "__" not in path else F(f"{path}__pk")
    to_python = container._meta.pk.to_python
    return Q(In(Coalesce(column, column), [to_python(key) for key in keys]))


def _direct(user: User, name: str, model: type[models.Model], prefix: str) -> list[Q]:
    if _has_number(model):
        return [Q(**{f"{prefix}pk__in": keys}) for keys in grants.objects_held(user, name)]
    # Keys of other types, which SQL cannot cast alike everywhere, belong to containers: few.
    keys = grants.held(user, [name]).get(name)
    return [Q(**{f"{prefix}pk__in": keys})] if keys else []


def _has_number(model: type[models.Model]) -> bool:
    return isinstance(model._meta.pk, models.AutoField | models.BigAutoField)
