"""Which calls a rule is about, and who sees the requests."""

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType

from certificates import services
from certificates.models import Certificate
from certificates.services import CertificateRequest
from certmate.access import explain, policy
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Approval, ApprovalRule, Team
from certmate.access.services import approvals, create_token
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied
from tests import factories
from tests.access.four_eyes import (
    SYSTEM,
    approve,
    certificate,
    decider,
    revocation,
    rule,
    state,
    waits,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_changing_or_deleting_a_rule_weakens_no_request(cast: Cast) -> None:
    strict = rule(required=2)
    approval = revocation(cast.operator, certificate())
    ApprovalRule.objects.update(required=1, is_enabled=False)
    approve(decider(), approval)
    assert state(approval) == "pending"
    strict.delete()
    approve(decider("boris"), approval)
    approvals.carry_out(approval.pk)
    assert state(approval) == "carried_out"


def test_a_role_that_is_deleted_approves_of_nothing(cast: Cast) -> None:
    security = Group.objects.create(name="security")
    made = rule(role=security)
    approval = revocation(cast.operator, certificate())
    made.delete()
    security.delete()
    assert not approvals.may_decide(Actor.of(cast.owner), approval)
    with pytest.raises(AccessDenied):
        approve(cast.owner, approval)
    assert approval.requirements.get().role_name == "security"


@pytest.mark.parametrize("what", ["kind", "itself", "ca_account", "storage_target", "team"])
def test_a_rule_is_about_a_kind_an_object_or_what_hangs_from_one(cast: Cast, what: str) -> None:
    team = Team.objects.create(name="web")
    mine = certificate(team=team)
    target = mine if what == "itself" else getattr(mine, what, None)
    if what == "kind":
        rule(kind=ContentType.objects.get_for_model(Certificate))
    else:
        kind = ContentType.objects.get_for_model(target)  # type: ignore[arg-type]
        rule(target_type=kind, target_pk=str(target.pk))  # type: ignore[union-attr]
    assert approvals.is_needed(Verb.REVOKE, mine)
    assert not approvals.is_needed(Verb.RENEW, mine)
    if what != "kind":
        account, vault = factories.ca_account("other"), factories.storage_target("other")
        other = certificate("b.example.test", ca_account=account, storage_target=vault)
        assert not approvals.is_needed(Verb.REVOKE, other)


def test_a_new_certificate_waits_under_the_account_that_it_would_hang_from(cast: Cast) -> None:
    account = factories.ca_account()
    kind = ContentType.objects.get_for_model(account)
    rule("add", target_type=kind, target_pk=str(account.pk))
    request = CertificateRequest(domain="New.example.test", challenge_type="http-01")

    def call() -> object:
        actor = Actor.of(cast.operator)
        return services.create_certificate(actor=actor, request=request, tags=["a"])

    approval = waits(call)
    assert not Certificate.objects.exists()
    assert approval.arguments["names"] == ["new.example.test"]
    approve(decider(), approval)
    approvals.carry_out(approval.pk)
    made = Certificate.objects.get()
    assert (made.names, made.tags, made.created_by) == (["new.example.test"], ["a"], cast.operator)


def test_who_sees_a_request(cast: Cast) -> None:
    rule()
    rule(role=Group.objects.create(name="security"))
    approval = revocation(cast.operator, certificate())
    anna, carla = decider(), decider("carla", "security")
    both = decider("both")
    both.groups.add(Group.objects.get(name="security"))

    def seen(user: User) -> int:
        return len(approvals_of(user))

    assert [seen(user) for user in (cast.operator, cast.owner, anna, carla, both)] == [1] * 5
    assert seen(cast.outsider) == 0
    waiting = approvals.to_decide(Actor.of(anna), Approval.objects.all())
    assert list(waiting) == [approval]
    approve(anna, approval)
    assert not approvals.to_decide(Actor.of(anna), Approval.objects.all())
    assert not approvals.may_decide(Actor.of(anna), approval)
    assert not approvals.to_decide(Actor.of(cast.operator), Approval.objects.all())


def approvals_of(user: User) -> list[Approval]:
    return list(policy.visible(Actor.of(user), Approval.objects.all()))


def test_a_narrow_token_sees_what_it_asked_for_itself(cast: Cast) -> None:
    rule()
    team = Team.objects.create(name="web")
    mine = certificate(team=team)
    token, _ = create_token(actor=SYSTEM, owner=cast.operator, name="t", scopes=["operate"])
    token.teams.add(team)
    actor = Actor.of(cast.operator, ApiToken.objects.get(pk=token.pk))
    approval = waits(lambda: services.revoke_certificate(actor=actor, certificate=mine))
    other = revocation(cast.operator, certificate("b.example.test"))
    assert list(policy.visible(actor, Approval.objects.all())) == [approval]
    assert policy.allowed(actor, Verb.VIEW, approval)
    assert not policy.allowed(actor, Verb.VIEW, other)


def test_why_somebody_may_decide_is_explained(cast: Cast) -> None:
    rule()
    anna = decider()
    approval = revocation(cast.operator, certificate())
    found = explain.why(anna, Verb.APPROVE, approval)
    assert {way.subject for way in found} == {anna.groups.get()}
    assert len(found) == 2  # By the role's permission, and because a rule named the role.
    assert [way.subject for way in explain.why(cast.operator, Verb.CHANGE, approval)] == [
        cast.operator
    ]
    assert not explain.why(cast.outsider, Verb.VIEW, approval)
