"""Grants: nobody gives what he does not hold, and what was given is what was asked for."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from guardian.models import GroupObjectPermission, UserObjectPermission
from hypothesis import given
from hypothesis import strategies as st

from certificates.models import Certificate
from certmate.access import explain, policy
from certmate.access.actors import Actor
from certmate.access.limits import Limits
from certmate.access.models import Team
from certmate.access.services import (
    granted,
    set_grants,
    set_groups,
    set_password,
    set_permissions,
    update_user,
)
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, InvalidRequest, NotFound
from tests import factories
from tests.access.worlds import Fact, World, facts, searching, world
from tests.cast import Cast

pytestmark = pytest.mark.django_db

some_facts = st.lists(facts(), max_size=5)


def rights(w: World, user: User) -> set[tuple[Any, Verb]]:
    """Everything that the user may do in the world."""
    actor = Actor.of(User.objects.get(pk=user.pk))
    return {
        (obj, verb)
        for obj in w.everything()
        for verb in explain.verbs_of(type(obj))
        if policy.allowed(actor, verb, obj)
    }


def administrating(w: World, target: Any) -> Actor:
    model = type(target)
    index = w.of(model).index(target)
    w.holds([Fact(False, Verb.VIEW, model, False, index)])
    w.holds([Fact(False, Verb.ADMINISTER, model, False, index)])
    return Actor.of(w.fresh())


@searching
@given(some_facts, facts())
def test_no_grant_exceeds_the_granter(db: None, held: list[Fact], wish: Fact) -> None:
    with world() as w:
        w.holds(held)
        target = w.of(wish.model)[wish.target or 0]
        actor, other = administrating(w, target), w.of(User)[0]
        try:
            set_grants(
                actor=actor, subject=other, target=target, verbs=[wish.verb], under=wish.under
            )
        except (AccessDenied, InvalidRequest):
            assert not rights(w, other)
        else:
            assert wish.verb in granted(other, target, under=wish.under)
            assert rights(w, other) <= rights(w, w.user)


@searching
@given(some_facts, st.lists(facts(), min_size=1, max_size=2))
def test_no_membership_exceeds_who_gives_it(
    db: None, held: list[Fact], of_group: list[Fact]
) -> None:
    with world() as w:
        w.holds(held)
        actor, other, group = administrating(w, w.of(User)[0]), w.of(User)[0], w.of(Group)[0]
        World(other, group, w.objects).holds([Fact(True, *_rest(fact)) for fact in of_group])
        try:
            set_groups(actor=actor, user=other, groups=[group])
        except AccessDenied:
            assert not other.groups.exists()
        else:
            assert rights(w, other) <= rights(w, w.user)


def _rest(fact: Fact) -> tuple[Verb, Any, bool, int | None]:
    return fact.verb, fact.model, fact.under, fact.target


@searching
@given(some_facts, facts())
def test_nobody_takes_over_who_has_more(db: None, held: list[Fact], more: Fact) -> None:
    with world() as w:
        w.holds(held)
        other = w.of(User)[0]
        World(other, w.of(Group)[0], w.objects).holds([Fact(False, *_rest(more))])
        actor = administrating(w, other)
        try:
            set_password(actor=actor, user=other, password="a password nobody has")
        except AccessDenied:
            assert not User.objects.get(pk=other.pk).password
        else:
            # Whatever the other may do to himself counts for nobody else.
            assert rights(w, other) <= rights(w, w.user)


@searching
@given(some_facts, facts())
def test_no_permission_exceeds_who_gives_it(db: None, held: list[Fact], wish: Fact) -> None:
    with world() as w:
        w.holds(held)
        actor, other = administrating(w, w.of(User)[0]), w.of(User)[0]
        right = Permission.objects.get(
            codename=str(wish), content_type__app_label=wish.model._meta.app_label
        )
        try:
            set_permissions(actor=actor, subject=other, rights=[right])
        except AccessDenied:
            assert not other.user_permissions.exists()
        else:
            assert rights(w, other) <= rights(w, w.user)


def test_exactly_the_verbs_are_granted_and_written_down(cast: Cast) -> None:
    certificate, owner = factories.certificate(), Actor.of(cast.owner)
    for verbs in ({Verb.VIEW, Verb.RENEW}, {Verb.VIEW, Verb.REVOKE}, set[Verb]()):
        set_grants(actor=owner, subject=cast.outsider, target=certificate, verbs=verbs)
        assert set(granted(cast.outsider, certificate)) == verbs
    told = LogEntry.objects.filter(additional_data__event="access.granted").order_by("id")
    second = told[1].additional_data
    assert (second["user"], second["given"], second["taken"]) == ("outsider", ["revoke"], ["renew"])
    assert told.count() == 3


def test_what_the_granter_does_not_hold_is_neither_given_nor_taken(cast: Cast) -> None:
    certificate = factories.certificate()
    grant = partial(set_grants, subject=cast.outsider, target=certificate)
    grant(actor=Actor.system(), verbs=[Verb.DELETE])
    operator = Actor.of(cast.operator)
    grant(actor=operator, verbs=[Verb.DELETE, Verb.VIEW])
    with pytest.raises(AccessDenied) as denied:
        grant(actor=operator, verbs=[])
    assert denied.value.code == "access.gain"
    assert granted(cast.outsider, certificate) == [Verb.VIEW, Verb.DELETE]


@pytest.mark.parametrize(
    ("make", "under", "verb"),
    [
        (factories.certificate, True, Verb.VIEW),
        (factories.ca_account, False, Verb.RENEW),
        (lambda: factories.order(factories.certificate()), False, Verb.VIEW),
    ],
)
def test_a_verb_that_the_object_does_not_know_is_not_granted(
    cast: Cast, make: Callable[[], Any], under: bool, verb: Verb
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        set_grants(
            actor=Actor.of(cast.owner),
            subject=cast.outsider,
            target=make(),
            verbs=[verb],
            under=under,
        )
    assert refused.value.code == "grant.verb"


def test_a_narrowed_token_grants_nothing_on_what_hangs_from_an_account(cast: Cast) -> None:
    team = Team.objects.create(name="red")
    account = factories.ca_account(team=team)
    actor = Actor(cast.owner, limits=Limits(teams=frozenset({team.pk})))
    grant = partial(
        set_grants, actor=actor, subject=cast.outsider, target=account, verbs=[Verb.VIEW]
    )
    grant()
    with pytest.raises(AccessDenied):
        grant(under=True)


def test_a_right_to_what_is_gone_is_nobodys(cast: Cast) -> None:
    owner = Actor.of(cast.owner)
    targets = [
        factories.certificate(),
        Team.objects.create(name="red"),
        User.objects.create(username="gone"),
        Group.objects.create(name="gone"),
    ]
    group = Group.objects.create(name="ops")
    for target in targets:
        for subject in (cast.outsider, group):
            set_grants(actor=owner, subject=subject, target=target, verbs=[Verb.VIEW])
    assert UserObjectPermission.objects.count() == GroupObjectPermission.objects.count() == 4
    for target in targets:
        type(target)._default_manager.filter(pk=target.pk).delete()
    assert not UserObjectPermission.objects.exists()
    assert not GroupObjectPermission.objects.exists()


def test_nothing_is_granted_on_what_was_deleted_meanwhile(cast: Cast) -> None:
    certificate = factories.certificate()
    stale = Certificate.objects.get(pk=certificate.pk)
    certificate.delete()
    with pytest.raises(NotFound):
        set_grants(
            actor=Actor.of(cast.owner), subject=cast.outsider, target=stale, verbs=[Verb.VIEW]
        )
    assert not UserObjectPermission.objects.exists()


def test_only_a_superuser_changes_a_superuser(cast: Cast) -> None:
    cast.operator.groups.add(Group.objects.get(name="administrator"))
    actor = Actor.of(cast.operator)
    viewer = Group.objects.get(name="viewer")
    calls: list[Callable[[], Any]] = [
        lambda: set_groups(actor=actor, user=cast.owner, groups=[viewer]),
        lambda: set_permissions(actor=actor, subject=cast.owner, rights=[]),
        lambda: set_password(actor=actor, user=cast.owner, password=""),
        lambda: update_user(actor=actor, user=cast.owner, is_active=False),
        lambda: update_user(actor=actor, user=cast.outsider, is_superuser=True),
    ]
    for call in calls:
        with pytest.raises(AccessDenied):
            call()
    cast.owner.refresh_from_db()
    assert cast.owner.is_active
    assert cast.owner.has_usable_password()


@pytest.mark.django_db(transaction=True)
def test_two_who_edit_one_grant_leave_what_one_of_them_asked_for(
    transactional_db: None, cast: Cast
) -> None:
    certificate = factories.certificate()
    other = User.objects.create_superuser("other")
    wishes = (
        (cast.owner, [Verb.VIEW, Verb.RENEW]),
        (other, [Verb.VIEW, Verb.REVOKE, Verb.DOWNLOAD]),
    )
    for _ in range(5):
        together = Barrier(len(wishes))

        def ask(granter: User, verbs: list[Verb], together: Barrier = together) -> None:
            try:
                together.wait()
                set_grants(
                    actor=Actor.of(granter),
                    subject=cast.outsider,
                    target=certificate,
                    verbs=verbs,
                )
            finally:
                connection.close()

        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(ask, *wish) for wish in wishes]:
                done.result()
        left = granted(cast.outsider, certificate)
        assert set(left) in [set(verbs) for _, verbs in wishes]
    rows = UserObjectPermission.objects.filter(user=cast.outsider)
    assert rows.count() == len(left)
