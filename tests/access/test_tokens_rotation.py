"""Rotation: a successor with the same limits, and the old token for a while beside it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.core import clock
from certmate.core.errors import AccessDenied, Conflict, InvalidRequest, NotFound
from tests.access.test_tokens import acting, make, may_make
from tests.cast import Cast

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(monkeypatch: pytest.MonkeyPatch, later: timedelta) -> None:
    now = clock.now() + later
    monkeypatch.setattr(clock, "now", lambda: now)


def test_the_successor_has_the_same_limits(cast: Cast) -> None:
    limits: dict[str, Any] = {
        "scopes": ["operate"],
        "name_patterns": ["*.example.test"],
        "networks": ["192.0.2.0/24"],
        "is_agent": True,
    }
    old, _ = make(cast.operator, teams=[Team.objects.create(name="web")], **limits)
    made, plaintext = services.rotate_token(actor=Actor.of(cast.owner), token=old)
    made.refresh_from_db()
    assert {field: getattr(made, field) for field in limits} == limits
    assert [team.name for team in made.teams.all()] == ["web"]
    assert (made.owner, made.name, made.replaces) == (cast.operator, old.name, old)
    assert made.digest != old.digest
    assert services.find_token(plaintext, "192.0.2.1") == made


def test_both_work_for_the_overlap_and_the_new_one_after_it(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, before = make(cast.owner)
    _, after = services.rotate_token(actor=Actor.of(cast.owner), token=old, overlap=HOUR)
    assert services.find_token(before)
    assert services.find_token(after)
    at(monkeypatch, HOUR)
    assert services.find_token(before) is None
    assert services.find_token(after)


def test_without_overlap_the_old_one_ends_at_once(cast: Cast) -> None:
    old, before = make(cast.owner)
    services.rotate_token(actor=Actor.of(cast.owner), token=old)
    assert services.find_token(before) is None


def test_the_old_one_never_lives_longer_than_it_would_have(cast: Cast) -> None:
    end = clock.now() + HOUR
    old, _ = make(cast.owner, expires_at=end)
    made, _ = services.rotate_token(actor=Actor.of(cast.owner), token=old, overlap=DAY)
    old.refresh_from_db()
    assert old.expires_at == end
    assert made.expires_at is not None
    # It lives as long as the old one was made to.
    lived = made.expires_at - clock.now()
    assert timedelta(minutes=59) < lived <= HOUR


def test_a_token_is_rotated_once(cast: Cast) -> None:
    old, _ = make(cast.owner)
    actor = Actor.of(cast.owner)
    made, _ = services.rotate_token(actor=actor, token=old, overlap=HOUR)
    with pytest.raises(Conflict) as refused:
        services.rotate_token(actor=actor, token=old, overlap=HOUR)
    assert refused.value.code == "token.rotated"
    assert services.rotate_token(actor=actor, token=made, overlap=HOUR)
    assert ApiToken.objects.count() == 3


@pytest.mark.parametrize("ended", ["revoked_at", "expires_at"])
def test_what_has_ended_is_not_rotated(cast: Cast, ended: str) -> None:
    old, _ = make(cast.owner)
    setattr(old, ended, clock.now())
    old.save()
    with pytest.raises(Conflict) as refused:
        services.rotate_token(actor=Actor.of(cast.owner), token=old)
    assert refused.value.code == "token.ended"


@pytest.mark.parametrize("overlap", [-timedelta(seconds=1), timedelta(days=31)])
def test_an_overlap_that_makes_no_sense_is_refused(cast: Cast, overlap: timedelta) -> None:
    old, _ = make(cast.owner)
    with pytest.raises(InvalidRequest) as refused:
        services.rotate_token(actor=Actor.of(cast.owner), token=old, overlap=overlap)
    assert refused.value.code == "token.overlap"


@pytest.mark.parametrize("limit", [{}, {"name_patterns": ["*.example.test"]}])
def test_a_token_with_the_admin_scope_rotates_itself(cast: Cast, limit: dict[str, Any]) -> None:
    end = clock.now() + DAY
    actor = acting(cast.operator, expires_at=end, **limit)
    assert actor.token is not None
    made, _ = services.rotate_token(actor=actor, token=actor.token, overlap=HOUR)
    # The secret changes; a stolen token cannot make itself live longer.
    assert made.expires_at == end
    assert made.name_patterns == actor.token.name_patterns


def test_a_token_without_the_admin_scope_does_not(cast: Cast) -> None:
    actor = acting(cast.owner, scopes=["operate"])
    assert actor.token is not None
    with pytest.raises(AccessDenied) as refused:
        services.rotate_token(actor=actor, token=actor.token)
    assert refused.value.code == "access.scope"


def test_a_token_rotates_no_other_that_reaches_further(cast: Cast) -> None:
    other, _ = make(cast.owner)
    actor = acting(cast.owner, networks=["192.0.2.0/24"])
    with pytest.raises(AccessDenied) as refused:
        services.rotate_token(actor=actor, token=other)
    assert refused.value.code == "access.gain"
    other.refresh_from_db()
    assert other.expires_at is None


def test_the_owner_rotates_his_own_and_nobody_elses(cast: Cast) -> None:
    operator = may_make(cast.operator)
    own, _ = make(operator)
    theirs, _ = make(cast.owner)
    assert services.rotate_token(actor=Actor.of(operator), token=own)
    with pytest.raises(NotFound):
        services.rotate_token(actor=Actor.of(operator), token=theirs)


def test_who_may_end_a_token_may_not_have_its_successor(cast: Cast) -> None:
    operator = may_make(cast.operator)
    rights = Permission.objects.filter(codename__in=["view_apitoken", "change_apitoken"])
    operator.user_permissions.add(*rights)
    theirs, _ = make(cast.owner)
    with pytest.raises(AccessDenied):
        services.rotate_token(actor=Actor.of(operator), token=theirs)
