"""Rows of django-guardian: who was granted which permission on which object, straight or by group.

A permission has the form `app.codename`. On a container (a team, an account) `renew_under_team`
reaches what hangs from it, `renew_team` would be about the team itself.
"""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.db import models
from django.db.models import BigIntegerField, Q, Subquery
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission, UserObjectPermission

from certmate.access.verbs import Verb

Pair = tuple[str, str]
"""A permission and the primary key of the object that it is granted on."""

_COLUMNS = ("permission__content_type__app_label", "permission__codename")


def codename(model: type[models.Model], verb: Verb) -> str:
    """The permission of the verb on the model, such as `certificates.renew_certificate`."""
    return f"{model._meta.app_label}.{verb}_{model._meta.model_name}"


def under_codename(container: type[models.Model], verb: Verb) -> str:
    """The permission of the verb on what hangs from the container, such as
    `access.renew_under_team`.
    """
    return f"{container._meta.app_label}.{verb}_under_{container._meta.model_name}"


def containers(model: type[models.Model]) -> dict[str, type[models.Model]]:
    """The foreign keys through which grants on a container reach this model."""
    names = getattr(model, "access_parents", ())
    return {name: related(model, name) for name in names}


def contents(container: type[models.Model]) -> list[type[models.Model]]:
    """The models that hang from the container."""
    return [model for model in apps.get_models() if container in containers(model).values()]


def related(model: type[models.Model], field: str) -> type[models.Model]:
    """The model that the foreign key points to."""
    found: Any = model._meta.get_field(field).related_model
    return found  # type: ignore[no-any-return]


def holds(user: User, pairs: Iterable[Pair]) -> bool:
    """Was the user, or one of his groups, granted one of these?"""
    wanted = Q()
    for permission, pk in pairs:
        wanted |= _named(permission) & Q(object_pk=pk)
    if not wanted:
        return False
    own, through_groups = _rows_of(user)
    return own.filter(wanted).exists() or through_groups.filter(wanted).exists()


def held(user: User, permissions: Iterable[str]) -> dict[str, list[str]]:
    """The primary keys on which the user holds each of these permissions; for containers, which are
    few.
    """
    wanted = Q()
    for permission in permissions:
        wanted |= _named(permission)
    found: dict[str, list[str]] = {}
    if wanted:
        own, through_groups = (
            rows.filter(wanted).values_list(*_COLUMNS, "object_pk") for rows in _rows_of(user)
        )
        for app, name, pk in own.union(through_groups):
            found.setdefault(f"{app}.{name}", []).append(pk)
    return found


def objects_held(user: User, permission: str) -> list[models.QuerySet[Any]]:
    """Subqueries of the integer primary keys on which the user holds the permission: his own, and
    those of his groups.
    """
    return [
        rows.values_list(Cast("object_pk", BigIntegerField())) for rows in rows_of(user, permission)
    ]


def rows_of(user: User, permission: str) -> list[models.QuerySet[Any]]:
    """The grants of the permission to the user, and to his groups.

    The permission is looked up once in a subquery: an index then leads from it to the object.
    """
    app, _, name = permission.partition(".")
    right = Permission.objects.filter(content_type__app_label=app, codename=name).values("pk")
    of_it = {"permission_id": Subquery(right[:1])}
    found: list[models.QuerySet[Any]] = [UserObjectPermission.objects.filter(user=user, **of_it)]
    # The groups by their keys: joined, they would lead a database to all grants of the permission.
    groups = list(user.groups.values_list("pk", flat=True))
    if groups:
        found.append(GroupObjectPermission.objects.filter(group_id__in=groups, **of_it))
    return found


def somewhere(user: User) -> frozenset[str]:
    """The permissions that the user or one of his groups holds on at least one object.

    The objects themselves are not looked at, because that would read a whole table for a menu.
    """
    own, through_groups = (rows.values_list(*_COLUMNS) for rows in _rows_of(user))
    return frozenset(f"{app}.{name}" for app, name in own.union(through_groups))


def by_anybody(target: models.Model) -> models.QuerySet[Any]:
    """The codenames, such as `renew_under_team`, that anybody holds on this object: by a grant on
    it, or by the permission for all of its kind.
    """
    own, groups = (
        rows.filter(_on(target)).values_list("permission__codename", flat=True)
        for rows in (UserObjectPermission.objects.all(), GroupObjectPermission.objects.all())
    )
    kind = Q(
        content_type__app_label=target._meta.app_label,
        content_type__model=target._meta.model_name,
    )
    held = Permission.objects.order_by().filter(
        kind, Q(user__isnull=False) | Q(group__isnull=False)
    )
    return own.union(groups, held.values_list("codename", flat=True))


def forget(target: models.Model) -> None:
    """Delete all grants on the object."""
    for rows in (UserObjectPermission.objects.all(), GroupObjectPermission.objects.all()):
        rows.filter(_on(target)).delete()


def _on(target: models.Model) -> Q:
    return Q(
        object_pk=str(target.pk),
        permission__content_type__app_label=target._meta.app_label,
        permission__content_type__model=target._meta.model_name,
    )


def _rows_of(user: User) -> tuple[models.QuerySet[Any], models.QuerySet[Any]]:
    return (
        UserObjectPermission.objects.filter(user=user),
        GroupObjectPermission.objects.filter(group__user=user),
    )


def _named(permission: str) -> Q:
    app, _, name = permission.partition(".")
    return Q(permission__content_type__app_label=app, permission__codename=name)
