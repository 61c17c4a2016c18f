"""Who can do what and why, in words that name the way to the right."""

import pytest
from django.contrib.auth.models import Group, User

from certmate.access import explain
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.access.services import set_grants
from certmate.access.verbs import Verb
from tests import factories
from tests.cast import Cast, token_for

pytestmark = pytest.mark.django_db

system = Actor.system()


def test_every_way_to_a_right_is_named(cast: Cast) -> None:
    team = Team.objects.create(name="red")
    certificate = factories.certificate(team=team)
    ops = Group.objects.create(name="ops")
    set_grants(actor=system, subject=cast.outsider, target=certificate, verbs=[Verb.VIEW])
    set_grants(actor=system, subject=ops, target=team, verbs=[Verb.RENEW], under=True)
    said = {(str(way.subject), way.verbs, way.why) for way in explain.who(certificate)}
    assert ("owner", explain.verbs_of(type(certificate)), "is a superuser") in said
    assert ("outsider", (Verb.VIEW,), "a grant on it") in said
    assert ("ops", (Verb.RENEW,), "a grant on what belongs to the team red") in said
    assert ("viewer", (Verb.VIEW,), "the permission for all of them") in said


def test_why_names_what_comes_by_a_group_and_nothing_for_others(cast: Cast) -> None:
    certificate = factories.certificate()
    cast.outsider.groups.add(Group.objects.get(name="operator"))
    ways = explain.why(cast.outsider, Verb.RENEW, certificate)
    assert [str(way.subject) for way in ways] == ["operator"]
    assert not explain.why(cast.outsider, Verb.EXPORT_KEY, certificate)
    assert not explain.why(cast.auditor, Verb.RENEW, certificate)


def test_an_order_is_explained_as_its_certificate(cast: Cast) -> None:
    certificate = factories.certificate()
    order = factories.order(certificate)
    assert explain.who(order) == explain.who(certificate)


def test_an_owner_is_named_by_the_field_that_says_so(cast: Cast) -> None:
    token_for(cast.operator, "read")
    ways = explain.why(cast.operator, Verb.CHANGE, ApiToken.objects.get())
    assert [way.why for way in ways] == ["named in its field owner"]


def test_the_reach_of_a_user_has_his_roles_and_his_grants(cast: Cast) -> None:
    team = Team.objects.create(name="red")
    certificate = factories.certificate()
    set_grants(actor=system, subject=cast.outsider, target=certificate, verbs=[Verb.VIEW])
    set_grants(actor=system, subject=cast.outsider, target=team, verbs=[Verb.RENEW], under=True)
    cast.outsider.groups.add(Group.objects.get(name="auditor"))
    user = User.objects.get(pk=cast.outsider.pk)
    found = {(r.kind, r.target, r.verbs) for r in explain.reach(user, told_to=system)}
    assert ("certificate", certificate.name, (Verb.VIEW,)) in found
    assert ("what belongs to the team", "red", (Verb.RENEW,)) in found
    assert ("storage target", "", (Verb.VIEW,)) in found


def test_the_reach_of_a_user_names_nothing_that_the_reader_may_not_see(cast: Cast) -> None:
    certificate = factories.certificate("hidden.example.test")
    set_grants(actor=system, subject=cast.operator, target=certificate, verbs=[Verb.VIEW])
    told = explain.reach(cast.operator, told_to=Actor.of(cast.outsider))
    assert not [r for r in told if r.target]
    assert [r for r in explain.reach(cast.operator, told_to=system) if r.target]


def test_who_may_do_nothing_reaches_nothing(cast: Cast) -> None:
    certificate = factories.certificate()
    cast.owner.is_active = False
    cast.owner.save()
    assert explain.reach(cast.owner, told_to=system) == []
    assert not explain.why(cast.owner, Verb.VIEW, certificate)
    assert "owner" not in {str(way.subject) for way in explain.who(certificate)}
