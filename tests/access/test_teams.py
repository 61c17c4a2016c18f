"""Teams: who makes them, what they own, and how ownership moves."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from certificates.models import Certificate
from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.models import Team
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, Conflict, InvalidRequest, NotFound
from tests import factories
from tests.access.test_grants import rights
from tests.access.worlds import Fact, World, facts, searching, world
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_a_team_is_made_changed_and_deleted(cast: Cast) -> None:
    owner = Actor.of(cast.owner)
    team = services.create_team(actor=owner, name="red", description="the red ones")
    services.update_team(actor=owner, team=team, name="crimson")
    assert Team.objects.get().name == "crimson"
    assert Team.objects.get().description == "the red ones"
    services.delete_team(actor=owner, team=team)
    assert not Team.objects.exists()


@pytest.mark.parametrize("name", ["", "no slug", "taken"])
def test_a_team_has_a_name_of_its_own(cast: Cast, name: str) -> None:
    Team.objects.create(name="taken")
    with pytest.raises(ValidationError):
        services.create_team(actor=Actor.of(cast.owner), name=name)


def test_a_team_that_owns_something_stays(cast: Cast) -> None:
    team = Team.objects.create(name="red")
    factories.certificate(team=team)
    with pytest.raises(Conflict) as refused:
        services.delete_team(actor=Actor.of(cast.owner), team=team)
    assert refused.value.code == "team.in_use"
    assert Team.objects.exists()


def test_who_has_no_right_to_teams_makes_and_names_none(cast: Cast) -> None:
    team, outsider = Team.objects.create(name="red"), Actor.of(cast.outsider)
    with pytest.raises(AccessDenied):
        services.create_team(actor=outsider, name="blue")
    with pytest.raises(NotFound):
        services.delete_team(actor=outsider, team=team)
    for name in ("red", "none"):
        with pytest.raises(InvalidRequest) as refused:
            services.find_team(actor=outsider, name=name)
        assert refused.value.code == "team.unknown"
        assert str(refused.value.detail) == f"There is no team '{name}' that you may see."


@searching
@given(st.lists(facts(), max_size=5), st.lists(facts(), max_size=3))
def test_giving_an_object_to_a_team_gives_nobody_more_than_the_giver_has(
    db: None, held: list[Fact], of_other: list[Fact]
) -> None:
    with world() as w:
        w.holds(held)
        w.holds([Fact(False, Verb.VIEW, Certificate, False, 1)])
        w.holds([Fact(False, Verb.ADMINISTER, Certificate, False, 1)])
        w.holds([Fact(False, Verb.REQUEST, Certificate, False, None)])
        other = w.of(User)[0]
        World(other, w.group, w.objects).holds(
            [Fact(False, f.verb, f.model, f.under, f.target) for f in of_other]
        )
        certificate = w.of(Certificate)[1]
        mine = {right for right in rights(w, w.user) if right[0] == certificate}
        before = {user: rights(w, user) for user in (w.user, other)}
        try:
            services.give_to_team(actor=Actor.of(w.fresh()), target=certificate, team=w.of(Team)[0])
        except AccessDenied:
            return
        certificate.save()
        for user, had in before.items():
            assert rights(w, user) <= had | mine
