"""Small worlds: a few objects, a user and a group, and some ways to rights, as Hypothesis draws."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import models, transaction
from guardian.models import GroupObjectPermission, UserObjectPermission
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from certificates.models import Certificate
from certmate.access import explain
from certmate.access.models import Team
from certmate.access.roles import ROLES
from certmate.access.verbs import Verb
from providers.models import CAAccount
from storage.models import StorageTarget
from tests import factories

MODELS: tuple[type[models.Model], ...] = (Certificate, CAAccount, StorageTarget, Team, User, Group)
CONTAINERS: tuple[type[models.Model], ...] = (Team, CAAccount, StorageTarget)

searching = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Fact:
    """One way to a right: the permission `verb_[under_]model`, for all or for one object."""

    by_group: bool
    verb: Verb
    model: type[models.Model]
    under: bool
    target: int | None
    """Which object of the model; None for all of them."""

    def __str__(self) -> str:
        return f"{self.verb}_{'under_' if self.under else ''}{self.model._meta.model_name}"


@st.composite
def facts(draw: Any) -> Fact:
    is_under = draw(st.booleans())
    model = draw(st.sampled_from(CONTAINERS if is_under else MODELS))
    verb = draw(st.sampled_from(list(Verb) if is_under else explain.verbs_of(model)))
    target = draw(st.sampled_from((None, 0, 1)))
    return Fact(draw(st.booleans()), verb, model, is_under, target)


@dataclass
class World:
    """Two objects of each kind; the first of each hangs from the first team, the second from
    none.
    """

    user: User
    group: Group
    objects: dict[type[models.Model], list[Any]] = field(default_factory=dict)

    def of(self, model: type[models.Model]) -> list[Any]:
        return self.objects[model]

    def everything(self) -> Iterator[Any]:
        for rows in self.objects.values():
            yield from rows

    def holds(self, found: list[Fact]) -> None:
        for fact in found:
            self._give(fact, self.group if fact.by_group else self.user)

    def _give(self, fact: Fact, holder: User | Group) -> None:
        kind = {"content_type__app_label": fact.model._meta.app_label}
        right = Permission.objects.get(codename=str(fact), **kind)
        if fact.target is None:
            held = holder.permissions if isinstance(holder, Group) else holder.user_permissions
            held.add(right)
            return
        rows: Any = GroupObjectPermission if isinstance(holder, Group) else UserObjectPermission
        rows.objects.get_or_create(
            permission=right,
            content_type=right.content_type,
            object_pk=str(self.of(fact.model)[fact.target].pk),
            **{"group" if isinstance(holder, Group) else "user": holder},
        )

    def fresh(self) -> User:
        """The user without anything remembered of him."""
        return User.objects.get(pk=self.user.pk)


@contextmanager
def world(role: str = "", **user: Any) -> Iterator[World]:
    """A world that is gone afterwards."""
    with transaction.atomic():
        made = World(
            User.objects.create(username="someone", **user), Group.objects.create(name="g")
        )
        made.user.groups.add(made.group, *Group.objects.filter(name=role))
        teams = [Team.objects.create(name=name) for name in ("red", "blue")]
        cas = [
            factories.ca_account("ca0", team=teams[0], is_default=False),
            factories.ca_account("ca1"),
        ]
        targets = [
            factories.storage_target("t0", team=teams[0]),
            factories.storage_target("t1"),
        ]
        certificates = [
            factories.certificate(
                f"c{n}.example.test",
                ca_account=cas[n],
                storage_target=targets[n],
                team=teams[0] if n == 0 else None,
            )
            for n in (0, 1)
        ]
        people = [User.objects.create(username=f"u{n}") for n in (0, 1)]
        groups = [Group.objects.create(name=f"g{n}") for n in (0, 1)]
        made.objects = {
            Certificate: certificates,
            CAAccount: cas,
            StorageTarget: targets,
            Team: teams,
            User: people,
            Group: groups,
        }
        yield made
        transaction.set_rollback(True)


roles = st.sampled_from(("", "", "", *ROLES))
