"""Who can do what to an object and why, and what a user can reach: the policy in words.

Made of the same rows that `certmate.access.policy` decides by; a property test holds the two
against each other.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q
from guardian.models import GroupObjectPermission, UserObjectPermission

from certmate.access import grants, policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb

MOST = 200
"""Objects of one kind that the reach of a user names one by one."""


@dataclass(frozen=True)
class Way:
    """One way to rights: what the subject may do to the object, and by what."""

    subject: User | Group
    verbs: tuple[Verb, ...]
    why: str


@dataclass(frozen=True)
class Reach:
    """What a user can do to one object, or (`target` "") to everything of a kind."""

    kind: str
    target: str
    verbs: tuple[Verb, ...]
    why: str


def verbs_of(model: type[models.Model]) -> tuple[Verb, ...]:
    """The verbs that the model knows a permission for."""
    names = {f"{name}_{model._meta.model_name}" for name in model._meta.default_permissions}
    names |= {name for name, _ in model._meta.permissions}
    if model in (User, Group):  # `certmate.access.roles` makes what Django's models do not declare.
        names.add(f"{Verb.ADMINISTER}_{model._meta.model_name}")
    return tuple(verb for verb in Verb if f"{verb}_{model._meta.model_name}" in names)


def is_governed(model: type[models.Model]) -> bool:
    """Whether rights to objects of the model are granted one by one."""
    return not getattr(model, "access_via", "") and Verb.ADMINISTER in verbs_of(model)


def is_legible(actor: Actor, obj: models.Model) -> bool:
    """Whether the actor may know who can do what to the object: who administers it may, and who
    sees both it and the users, as auditors do.
    """
    if policy.allowed(actor, Verb.ADMINISTER, obj):
        return True
    return policy.allowed(actor, Verb.VIEW, obj) and policy.allowed(actor, Verb.VIEW, User)


def who(obj: models.Model) -> list[Way]:
    """Every way in which a user or group may do something to the object."""
    obj = policy.root(obj)
    every = verbs_of(type(obj))
    supers = User.objects.filter(is_superuser=True, is_active=True).order_by("username")
    ways = [Way(user, every, "is a superuser") for user in supers]
    ways += _by_permission(type(obj), "", "the permission for all of them")
    ways += _by_grant(obj, "", "a grant on it")
    for field, container in grants.containers(type(obj)).items():
        parent = getattr(obj, field)
        if parent is not None:
            label = parent._meta.verbose_name
            ways += _by_permission(container, "under_", f"the permission for every {label}'s")
            ways += _by_grant(parent, "under_", f"a grant on what belongs to the {label} {parent}")
    ways += _by_field(obj)
    return [way for way in (_limited(way, every) for way in ways) if way.verbs]


def granted(obj: models.Model, *, under: bool = False) -> list[tuple[User | Group, list[Verb]]]:
    """The grants on the object itself, or on what hangs from it: to whom, and which verbs."""
    ways = _by_grant(obj, "under_" if under else "", "")
    return [(way.subject, list(way.verbs)) for way in ways]


def why(user: User, verb: Verb, obj: models.Model) -> list[Way]:
    """The ways by which this user may do this to the object; none if he may not."""
    if not user.is_active:
        return []
    groups = set(user.groups.values_list("pk", flat=True))
    return [
        way
        for way in who(obj)
        if verb in way.verbs
        and (way.subject == user or (isinstance(way.subject, Group) and way.subject.pk in groups))
    ]


def reach(user: User, *, told_to: Actor) -> list[Reach]:
    """What the user can do: to everything of a kind, to single objects by grant, and to those that
    name him. Objects that `told_to` may not see are left out.
    """
    if not user.is_active:
        return []
    if user.is_superuser:
        return [Reach("everything", "", tuple(Verb), "is a superuser")]
    return [*_model_wide(user), *_on_objects(user, told_to), *_as_named()]


def _by_permission(model: type[models.Model], under: str, said: str) -> Iterator[Way]:
    name = model._meta.model_name
    codenames = {f"{verb}_{under}{name}": verb for verb in Verb}
    about = {
        "permission__content_type__app_label": model._meta.app_label,
        "permission__content_type__model": name,
        "permission__codename__in": list(codenames),
    }
    of_groups = Group.permissions.through.objects.filter(**about)
    of_users = User.user_permissions.through.objects.filter(**about, user__is_active=True)
    held: dict[User | Group, list[Verb]] = defaultdict(list)
    for row in of_groups.select_related("group", "permission"):
        held[row.group].append(codenames[row.permission.codename])
    for own in of_users.select_related("user", "permission"):
        held[own.user].append(codenames[own.permission.codename])
    for subject, verbs in held.items():
        yield Way(subject, _sorted(verbs), said)


def _by_grant(obj: models.Model, under: str, said: str) -> Iterator[Way]:
    name = obj._meta.model_name
    codenames = {f"{verb}_{under}{name}": verb for verb in Verb}
    on_it = Q(object_pk=str(obj.pk), permission__codename__in=codenames)
    on_it &= Q(permission__content_type__app_label=obj._meta.app_label)
    found: dict[User | Group, list[Verb]] = defaultdict(list)
    for row in UserObjectPermission.objects.filter(on_it, user__is_active=True).select_related(
        "user", "permission"
    ):
        found[row.user].append(codenames[row.permission.codename])
    for row in GroupObjectPermission.objects.filter(on_it).select_related("group", "permission"):
        found[row.group].append(codenames[row.permission.codename])
    for subject, verbs in found.items():
        yield Way(subject, _sorted(verbs), said)


def _by_field(obj: models.Model) -> Iterator[Way]:
    for name in ("access_own", "access_roles"):
        for field, verbs in getattr(obj, name, {}).items():
            found = getattr(obj, field)
            for subject in found.all() if isinstance(found, models.Manager) else [found]:
                if subject is not None:
                    yield Way(subject, _sorted(verbs), f"named in its field {field}")


def _model_wide(user: User) -> Iterator[Reach]:
    held = user.get_all_permissions()
    for model in apps.get_models():
        kind = str(model._meta.verbose_name)
        for under, said in (("", kind), ("under_", f"what belongs to any {kind}")):
            names = {verb: f"{verb}_{under}{model._meta.model_name}" for verb in Verb}
            verbs = [v for v, name in names.items() if f"{model._meta.app_label}.{name}" in held]
            if verbs:
                yield Reach(said, "", tuple(verbs), "an own permission or one of a role")


def _as_named() -> Iterator[Reach]:
    for model in apps.get_models():
        for attribute in ("access_own", "access_roles"):
            for field, verbs in getattr(model, attribute, {}).items():
                kind = f"{model._meta.verbose_name} that names the user or a role of the user"
                yield Reach(kind, "", _sorted(verbs), f"named in its field {field}")


def _on_objects(user: User, told_to: Actor) -> Iterator[Reach]:
    found: dict[tuple[str, str, str, str], set[Verb]] = defaultdict(set)
    rows = [
        (UserObjectPermission.objects.filter(user=user), "a grant to the user"),
        (GroupObjectPermission.objects.filter(group__user=user), "a grant to a role or group"),
    ]
    for granted, said in rows:
        columns = ("permission__codename", "content_type_id", "object_pk")
        for codename, kind, pk in granted.order_by("pk").values_list(*columns)[: MOST * len(Verb)]:
            verb, under, _ = codename.partition("_under_")
            verb = verb if under else codename.rpartition("_")[0]
            if verb in set(Verb):
                found[(str(kind), pk, under, said)].add(Verb(verb))
    yield from _named(found, told_to)


def _named(found: dict[tuple[str, str, str, str], set[Verb]], told_to: Actor) -> Iterator[Reach]:
    by_kind: dict[str, set[str]] = defaultdict(set)
    for kind, pk, _, _ in found:
        by_kind[kind].add(pk)
    names: dict[tuple[str, str], tuple[str, str]] = {}
    for kind, pks in by_kind.items():
        model = ContentType.objects.get_for_id(int(kind)).model_class()
        if model is not None:
            label = str(model._meta.verbose_name)
            rows = model._default_manager.filter(pk__in=sorted(pks)[:MOST])
            for obj in policy.visible(told_to, rows):
                names[kind, str(obj.pk)] = (label, str(obj))
    for (kind, pk, under, said), verbs in found.items():
        if (kind, pk) in names:
            label, name = names[kind, pk]
            about = f"what belongs to the {label}" if under else label
            yield Reach(about, name, _sorted(verbs), said)


def _limited(way: Way, known: tuple[Verb, ...]) -> Way:
    return Way(way.subject, tuple(verb for verb in way.verbs if verb in known), way.why)


def _sorted(verbs: Iterable[Verb]) -> tuple[Verb, ...]:
    wanted = set(verbs)
    return tuple(verb for verb in Verb if verb in wanted)
