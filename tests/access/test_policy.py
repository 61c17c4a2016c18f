"""The policy's answers agree with each other, and with what `explain` says of them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from certificates.models import Certificate, Order
from certmate.access import explain, policy, services
from certmate.access.actors import Actor
from certmate.access.limits import Limits
from certmate.access.models import Team
from certmate.access.services import set_grants
from certmate.access.verbs import IMPLIED, Scope, Verb
from certmate.core.errors import AccessDenied, NotFound
from tests import factories
from tests.access.worlds import Fact, facts, roles, searching, world
from tests.cast import Cast

pytestmark = pytest.mark.django_db

some_facts = st.lists(facts(), max_size=4)


def verbs_at_stake(held: list[Fact]) -> list[Verb]:
    """Those that something gives, and one that a role may give."""
    return sorted({Verb.RENEW, *(fact.verb for fact in held)})


def agree(actor: Actor, verb: Verb, model: type[Model]) -> set[Any]:
    """The objects that the actor may do this to, which every question answers alike."""
    rows = model._default_manager.all()
    may = {row.pk for row in rows if policy.allowed(actor, verb, row)}
    assert {row.pk for row in policy.visible(actor, rows, verb)} == may
    if verb == Verb.VIEW:
        assert {row.pk for row in policy.listed(actor, rows)} == may
    if may:
        assert policy.possible(actor, verb, model)
    if policy.allowed(actor, verb, model):
        assert may == {row.pk for row in rows}
    return may


@searching
@given(some_facts, roles, st.sampled_from(("", "", "super", "inactive")))
def test_every_question_is_answered_alike_and_explained(
    db: None, held: list[Fact], role: str, kind: str
) -> None:
    with world(role, is_superuser=kind == "super", is_active=kind != "inactive") as w:
        w.holds(held)
        for verb in verbs_at_stake(held):
            for model in w.objects:
                if verb in explain.verbs_of(model):
                    may = agree(Actor.of(w.fresh()), verb, model)
                    said = {o.pk for o in w.of(model) if explain.why(w.fresh(), verb, o)}
                    assert said == may & {o.pk for o in w.of(model)}
            agree(Actor.of(w.fresh()), verb, Order)


@searching
@given(some_facts, st.data())
def test_a_token_narrows_every_answer_alike(
    db: None, held: list[Fact], data: st.DataObject
) -> None:
    with world(data.draw(roles), is_superuser=data.draw(st.booleans())) as w:
        w.holds(held)
        teams = data.draw(st.sampled_from((None, (0,), (1,), (0, 1))))
        patterns = data.draw(st.sampled_from(((), ("*.example.test",), ("c1.example.test",))))
        limits = Limits(
            teams=frozenset(w.of(Team)[n].pk for n in teams) if teams else None, patterns=patterns
        )
        scope = data.draw(st.sampled_from(Scope))
        for verb in verbs_at_stake(held):
            models: list[type[Model]] = [*w.objects, Order]
            for model in models:
                wide = Actor.of(w.fresh())
                narrow = Actor(w.fresh(), IMPLIED[scope], limits if limits != Limits() else None)
                assert agree(narrow, verb, model) <= agree(wide, verb, model)


@pytest.mark.parametrize(
    ("names", "patterns", "reached"),
    [
        (["a.dev.example.com"], ("*.dev.example.com",), True),
        (["a.b.dev.example.com"], ("*.dev.example.com",), True),
        (["*.dev.example.com"], ("*.dev.example.com",), True),
        (["dev.example.com"], ("*.dev.example.com",), False),
        (["adev.example.com"], ("*.dev.example.com",), False),
        (["a.dev.example.com", "a.example.com"], ("*.dev.example.com",), False),
        (["a.dev.example.com", "a.example.com"], ("*.dev.example.com", "a.example.com"), True),
        (["a_b.example.com"], ("*.axb.example.com",), False),
        (["x.a%.example.com"], ("*.a%.example.com",), True),
        (["x.ab.example.com"], ("*.a%.example.com",), False),
    ],
)
def test_patterns_are_held_against_every_name(
    cast: Cast, names: list[str], patterns: tuple[str, ...], reached: bool
) -> None:
    certificate = factories.certificate(names[0], names=names)
    actor = Actor(cast.owner, limits=Limits(patterns=patterns))
    assert agree(actor, Verb.RENEW, Certificate) == ({certificate.pk} if reached else set())


def test_what_is_not_visible_is_not_found_and_what_is_visible_is_denied(cast: Cast) -> None:
    certificate = factories.certificate()
    with pytest.raises(NotFound):
        policy.require(Actor.of(cast.outsider), Verb.RENEW, certificate)
    with pytest.raises(AccessDenied):
        policy.require(Actor.of(cast.auditor), Verb.RENEW, certificate)


def team_with_grant(user: User, *verbs: Verb) -> Team:
    team = Team.objects.create(name=f"team{Team.objects.count()}")
    system = Actor.system()
    set_grants(actor=system, subject=user, target=team, verbs=verbs, under=True)
    return team


def test_moving_an_object_to_a_team_of_ones_own_gains_nothing(cast: Cast) -> None:
    team = team_with_grant(cast.outsider, *Verb)
    certificate = factories.certificate()
    set_grants(
        actor=Actor.system(),
        subject=cast.outsider,
        target=certificate,
        verbs=[Verb.VIEW, Verb.CHANGE, Verb.ADMINISTER],
    )
    with pytest.raises(AccessDenied) as denied:
        services.give_to_team(actor=Actor.of(cast.outsider), target=certificate, team=team)
    assert denied.value.code == "access.gain"
    assert certificate.team is None


def test_hanging_an_object_from_a_ca_account_of_ones_own_gains_nothing(cast: Cast) -> None:
    certificate, own = factories.certificate(), factories.ca_account("own")
    set_grants(
        actor=Actor.system(),
        subject=cast.outsider,
        target=own,
        verbs=[Verb.EXPORT_KEY],
        under=True,
    )
    with pytest.raises(AccessDenied):
        policy.require_no_gain(Actor.of(cast.auditor), certificate, ca_account=own)
    policy.require_no_gain(Actor.of(cast.owner), certificate, ca_account=own)


def test_a_permission_for_every_team_counts_as_a_gain_too(cast: Cast) -> None:
    team = Team.objects.create(name="red")
    certificate = factories.certificate()
    keys = Permission.objects.get(codename="export_key_under_team")
    cast.auditor.user_permissions.add(
        keys, Permission.objects.get(codename="administer_certificate")
    )
    actor = Actor.of(User.objects.get(pk=cast.auditor.pk))
    with pytest.raises(AccessDenied):
        services.give_to_team(actor=actor, target=certificate, team=team)


def test_answers_cost_a_few_queries(cast: Cast) -> None:
    team = team_with_grant(cast.outsider, Verb.VIEW)
    certificates = [factories.certificate(f"c{n}.example.test", team=team) for n in range(9)]
    counts = {}
    questions: dict[str, Callable[[Actor], bool]] = {
        "allowed": lambda actor: policy.allowed(actor, Verb.VIEW, certificates[0]),
        "visible": lambda actor: len(policy.visible(actor, Certificate.objects.all())) == 9,
        "listed": lambda actor: len(policy.listed(actor, Certificate.objects.all())) == 9,
    }
    for name, ask in questions.items():
        for user in (cast.outsider, cast.auditor):
            actor = Actor.of(User.objects.get(pk=user.pk))
            with CaptureQueriesContext(connection) as captured:
                assert ask(actor)
            counts[name, user.username] = len(captured)
    # Two for the permissions of him and his groups, one or two for grants, one for the rows; and
    # for a list, how many rows each way has. What is permitted for all asks for no grants.
    assert counts == {
        ("allowed", "outsider"): 3,
        ("visible", "outsider"): 5,
        ("listed", "outsider"): 9,
        ("allowed", "auditor"): 2,
        ("visible", "auditor"): 3,
        ("listed", "auditor"): 3,
    }
