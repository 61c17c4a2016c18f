"""Tokens: what they are limited to, and that none ever exceeds its owner or its maker."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, Permission, User

from certificates.models import Certificate
from certmate.access import owners, policy, services
from certmate.access.actors import Actor
from certmate.access.limits import Limits
from certmate.access.models import ApiToken, Team
from certmate.access.services.tokens import MOST_TEAMS
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.core.errors import AccessDenied, CertMateError, InvalidRequest, NotFound
from clients.models import Identity
from providers.models import Profile
from tests import factories
from tests.cast import Cast

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def make(owner: User, *, actor: Actor | None = None, **fields: Any) -> tuple[ApiToken, str]:
    wanted = {"name": "test", "scopes": ["admin"]} | fields
    return services.create_token(actor=actor or Actor.system(), owner=owner, **wanted)


def acting(owner: User, **fields: Any) -> Actor:
    """The owner, by way of a token."""
    _, plaintext = make(owner, **fields)
    token = services.find_token(plaintext, "192.0.2.1")
    assert token is not None
    return Actor.of(token.owner, token)


def may_make(user: User) -> User:
    user.user_permissions.add(Permission.objects.get(codename="add_apitoken"))
    return User.objects.get(pk=user.pk)


def test_only_the_hash_of_a_token_is_stored(cast: Cast) -> None:
    token, plaintext = make(cast.owner)
    stored = ApiToken.objects.filter(pk=token.pk).values().get()
    assert plaintext.startswith("cm_")
    assert plaintext not in str(stored)
    assert stored["digest"] not in plaintext
    assert LogEntry.objects.exists()
    for entry in LogEntry.objects.all():
        told = f"{entry.changes}{entry.additional_data}{entry.object_repr}"
        assert plaintext not in told
        assert token.digest not in told


def test_the_audit_log_has_the_limits_of_what_was_made(cast: Cast) -> None:
    team = Team.objects.create(name="web")
    make(cast.owner, teams=[team], name_patterns=["*.example.test"], networks=["192.0.2.0/24"])
    told = [entry.additional_data for entry in LogEntry.objects.all() if entry.additional_data]
    [made] = [data for data in told if data.get("event") == "token.created"]
    assert made["teams"] == ["web"]
    assert made["name_patterns"] == ["*.example.test"]
    assert made["networks"] == ["192.0.2.0/24"]


def test_a_token_has_a_bounded_number_of_teams(cast: Cast) -> None:
    teams = [Team.objects.create(name=f"t{n}") for n in range(MOST_TEAMS + 1)]
    with pytest.raises(InvalidRequest, match="50 teams"):
        make(cast.owner, teams=teams)


@pytest.mark.parametrize("days", [0, -1, 40000])
def test_an_expiry_that_makes_no_sense_is_refused(cast: Cast, days: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        make(cast.owner, expires_at=clock.now() + days * DAY)
    assert refused.value.code == "token.expired"


def test_a_team_that_the_maker_does_not_see_is_no_limit_that_he_can_name(cast: Cast) -> None:
    hidden = Team.objects.create(name="secret")
    operator = may_make(cast.operator)
    with pytest.raises(NotFound):
        make(operator, actor=Actor.of(operator), teams=[hidden])


def test_a_call_from_elsewhere_is_logged_without_the_token(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    token, plaintext = make(cast.owner, networks=["192.0.2.0/24"])
    with caplog.at_level(logging.WARNING):
        assert services.find_token(plaintext, "203.0.113.9") is None
    [said] = [record.getMessage() for record in caplog.records]
    assert "203.0.113.9" in said
    assert str(token) in said
    assert plaintext not in said


def test_use_is_noted_once_a_minute(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    token, plaintext = make(cast.owner)
    start, seen = clock.now(), []
    for seconds in (0, 59, 61):
        monkeypatch.setattr(clock, "now", lambda at=start + timedelta(seconds=seconds): at)
        services.find_token(plaintext)
        token.refresh_from_db()
        seen.append(token.last_used_at)
    assert seen == [start, start, start + timedelta(seconds=61)]


def test_a_token_loses_what_its_owners_group_loses(cast: Cast) -> None:
    certificate = factories.certificate()
    group = Group.objects.create(name="renewers")
    group.permissions.set(
        Permission.objects.filter(codename__in=["view_certificate", "renew_certificate"])
    )
    cast.outsider.groups.add(group)
    assert policy.allowed(acting(cast.outsider), Verb.RENEW, certificate)
    cast.outsider.groups.clear()
    actor = acting(cast.outsider)
    assert not policy.allowed(actor, Verb.RENEW, certificate)
    assert not policy.visible(actor, Certificate.objects.all()).exists()


def test_a_token_of_who_is_no_longer_active_or_superuser_is_worth_as_little(cast: Cast) -> None:
    certificate = factories.certificate()
    _, plaintext = make(cast.owner)
    cast.owner.is_superuser = False
    cast.owner.save()
    token = services.find_token(plaintext)
    assert token is not None
    assert not policy.allowed(Actor.of(token.owner, token), Verb.VIEW, certificate)
    cast.owner.is_active = False
    cast.owner.save()
    assert services.find_token(plaintext) is None
    token.owner.is_active = False
    assert not policy.allowed(Actor.of(token.owner, token), Verb.VIEW, certificate)


def test_nobody_makes_a_token_for_himself_without_the_right(cast: Cast) -> None:
    with pytest.raises(AccessDenied):
        make(cast.operator, actor=Actor.of(cast.operator))
    operator = may_make(cast.operator)
    assert make(operator, actor=Actor.of(operator))


def test_only_a_superuser_makes_a_token_for_another_person(cast: Cast) -> None:
    operator = may_make(cast.operator)
    operator.user_permissions.add(*Permission.objects.filter(codename="administer_user"))
    for owner in (cast.owner, cast.outsider):
        with pytest.raises(AccessDenied):
            make(owner, actor=Actor.of(operator))
    assert make(operator, actor=Actor.of(cast.owner))[0].owner == operator


EARLIER, LATER = clock.now() + 10 * DAY, clock.now() + 20 * DAY


@pytest.mark.parametrize(
    ("own", "wanted", "gain"),
    [
        ({"scopes": ["admin"]}, {"scopes": ["admin", "audit"]}, ""),
        ({"expires_at": EARLIER}, {"expires_at": EARLIER}, ""),
        ({"expires_at": EARLIER}, {"expires_at": LATER}, "expires_at"),
        ({"expires_at": EARLIER}, {}, "expires_at"),
        ({"networks": ["192.0.2.0/24"]}, {"networks": ["192.0.2.8/29"]}, ""),
        ({"networks": ["192.0.2.0/24"]}, {"networks": ["192.0.0.0/16"]}, "networks"),
        ({"networks": ["192.0.2.0/24"]}, {"networks": ["192.0.2.1", "::1"]}, "networks"),
        ({"networks": ["192.0.2.0/24"]}, {}, "networks"),
        ({"is_agent": True}, {"is_agent": True}, ""),
        ({"is_agent": True}, {}, "is_agent"),
        ({}, {"is_agent": True, "expires_at": LATER}, ""),
    ],
)
def test_a_token_made_by_a_token_never_exceeds_it(
    cast: Cast, own: dict[str, Any], wanted: dict[str, Any], gain: str
) -> None:
    actor = acting(cast.owner, **own)
    if not gain:
        assert make(cast.owner, actor=actor, **wanted)
        return
    with pytest.raises(AccessDenied) as refused:
        make(cast.owner, actor=actor, **wanted)
    assert (refused.value.code, refused.value.field) == ("access.gain", gain)


@pytest.mark.parametrize("limit", ["teams", "name_patterns"])
def test_a_token_that_is_narrowed_makes_none(cast: Cast, limit: str) -> None:
    values = {"teams": [Team.objects.create(name="web")], "name_patterns": ["*.example.test"]}
    actor = acting(cast.owner, **{limit: values[limit]})
    with pytest.raises(AccessDenied):
        make(cast.owner, actor=actor, **{limit: values[limit]})


@pytest.mark.parametrize("scopes", [["read"], ["operate"], ["audit"], ["read", "audit"]])
def test_a_token_without_the_admin_scope_makes_none(cast: Cast, scopes: list[str]) -> None:
    with pytest.raises(AccessDenied) as refused:
        make(cast.owner, actor=acting(cast.owner, scopes=scopes), scopes=["read"])
    assert refused.value.code == "access.scope"


def test_who_sees_a_token_is_its_owner_and_who_may(cast: Cast) -> None:
    token, _ = make(cast.operator)
    every = ApiToken.objects.all()
    for user, sees in ((cast.owner, True), (cast.operator, True), (cast.outsider, False)):
        actor = Actor.of(user)
        assert owners.visible(actor, every).exists() == sees
        assert owners.allowed(actor, Verb.VIEW, token) == sees
        assert owners.allowed(actor, Verb.CHANGE, token) == sees


def test_any_token_sees_and_revokes_itself_and_no_other(cast: Cast) -> None:
    other, _ = make(cast.owner)
    actor = acting(cast.owner, scopes=["read"], name_patterns=["*.example.test"])
    assert actor.token is not None
    assert owners.visible(actor, ApiToken.objects.all()).get() == actor.token
    with pytest.raises(NotFound):
        services.revoke_token(actor=actor, token=other)
    services.revoke_token(actor=actor, token=actor.token)
    assert ApiToken.objects.get(pk=actor.token.pk).revoked_at is not None


def test_revoking_twice_changes_nothing_the_second_time(cast: Cast) -> None:
    token, _ = make(cast.owner)
    for _ in range(2):
        services.revoke_token(actor=Actor.of(cast.owner), token=token)
    told = [(entry.additional_data or {}).get("event") for entry in LogEntry.objects.all()]
    assert told.count("token.revoked") == 1


def test_the_outsider_learns_nothing_of_a_token_by_revoking_it(cast: Cast) -> None:
    token, _ = make(cast.owner)
    with pytest.raises(NotFound):
        services.revoke_token(actor=Actor.of(cast.outsider), token=token)


def test_a_token_that_cannot_be_audited_is_not_made(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise InvalidRequest("No room.")

    monkeypatch.setattr("certmate.access.services.tokens.tell", fail)
    with pytest.raises(CertMateError, match="No room"):
        make(cast.owner)
    assert not ApiToken.objects.exists()


def test_a_narrowed_token_sees_profiles_and_no_client_certificate_of_nobody(cast: Cast) -> None:
    nobodys = Identity.objects.create(name="nobodys", kind="device")
    for limits in (Limits(patterns=("*.example.test",)), Limits(teams=frozenset({1}))):
        actor = Actor(user=cast.owner, limits=limits)
        assert policy.visible(actor, Profile.objects.all()).exists()
        assert policy.allowed(actor, Verb.VIEW, Profile.objects.get(name="client"))
        assert not policy.allowed(actor, Verb.CHANGE, Profile.objects.get(name="client"))
        assert not policy.visible(actor, Identity.objects.all()).exists()
        assert not policy.allowed(actor, Verb.VIEW, nobodys)
