"""Rules: which make sense, who makes them, and four eyes on themselves."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User

from certmate.access.actors import Actor
from certmate.access.models import ApprovalRule, Team
from certmate.access.services import approvals, set_groups, set_permissions, update_user
from certmate.access.services.people import create_user, delete_group, set_password
from certmate.core.errors import AccessDenied, CertMateError, Conflict
from tests import factories
from tests.access.four_eyes import SYSTEM, approve, decider, rule, state, waits
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def make(cast: Cast, **fields: Any) -> ApprovalRule:
    defaults = {"name": "r", "verb": "revoke", "role": "approver"}
    return approvals.create_rule(actor=Actor.of(cast.owner), **(defaults | fields))


def test_a_rule_is_made_changed_and_deleted(cast: Cast) -> None:
    decider()
    Team.objects.create(name="web")
    made = make(
        cast, kind="certificates.certificate", target_kind="access.team", target="web", required=1
    )
    actor = Actor.of(cast.owner)
    approvals.update_rule(actor=actor, rule=made, is_enabled=False, valid_for=timedelta(hours=2))
    assert approvals.describe(ApprovalRule.objects.get()) == {
        "name": "r",
        "verb": "revoke",
        "kind": "certificates.certificate",
        "target_kind": "access.team",
        "target": "web",
        "role": "approver",
        "required": 1,
        "valid_for": 7200,
        "is_enabled": False,
    }
    approvals.update_rule(actor=actor, rule=made, target_kind="", target="")
    assert ApprovalRule.objects.get().target_type is None
    approvals.delete_rule(actor=actor, rule=made)
    assert not ApprovalRule.objects.exists()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"verb": "download"}, "approval.rule_verb"),
        ({"verb": "export_key", "kind": "auth.user"}, "approval.rule_verb"),
        (
            {"verb": "administer", "target_kind": "providers.caaccount", "target": "ca"},
            "approval.rule_verb",
        ),
        ({"kind": "auth.permission"}, "approval.rule_kind"),
        ({"target_kind": "access.team"}, "approval.rule_target"),
        ({"target": "web"}, "approval.rule_target"),
        ({"target_kind": "access.team", "target": "none"}, "approval.rule_target"),
        ({"role": "nobody"}, "approval.rule_role"),
        ({"role": "auditor"}, "approval.rule_role"),
        ({"required": 2}, "approval.rule_role"),
        ({"valid_for": timedelta(0)}, "approval.rule_validity"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    cast: Cast, fields: dict[str, Any], code: str
) -> None:
    decider()
    factories.ca_account()
    with pytest.raises(CertMateError) as error:
        make(cast, **fields)
    assert error.value.code == code


def test_a_name_is_taken_once(cast: Cast) -> None:
    from django.core.exceptions import ValidationError

    decider()
    make(cast)
    with pytest.raises((Conflict, ValidationError)):
        make(cast)


def test_only_administrators_make_rules(cast: Cast) -> None:
    decider()
    with pytest.raises(AccessDenied):
        approvals.create_rule(
            actor=Actor.of(cast.operator), name="r", verb="revoke", role="approver"
        )


@pytest.mark.parametrize("what", ["change", "delete"])
def test_one_administrator_alone_does_not_switch_four_eyes_off(cast: Cast, what: str) -> None:
    rule("change")
    rule("delete")
    made = rule("revoke")
    actor = Actor.of(cast.owner)

    def act() -> None:
        if what == "delete":
            approvals.delete_rule(actor=actor, rule=made)
        else:
            approvals.update_rule(actor=actor, rule=made, is_enabled=False)

    approval = waits(act)
    assert ApprovalRule.objects.get(pk=made.pk).is_enabled
    approve(decider(), approval)
    approvals.carry_out(approval.pk)
    assert state(approval) == "carried_out", approval.error_detail
    assert not ApprovalRule.objects.filter(pk=made.pk, is_enabled=True).exists()


def test_an_approved_new_rule_is_made(cast: Cast) -> None:
    anna = decider()
    rule("add")
    approval = waits(lambda: make(cast, required=1))
    approve(anna, approval)
    approvals.carry_out(approval.pk)
    assert ApprovalRule.objects.get(name="r").verb == "revoke"


def test_making_an_administrator_waits_and_other_roles_do_not(cast: Cast) -> None:
    rule("administer")
    actor = Actor.of(cast.owner)
    viewer, administrator = (Group.objects.get(name=name) for name in ("viewer", "administrator"))
    set_groups(actor=actor, user=cast.outsider, groups=[viewer])
    approval = waits(lambda: set_groups(actor=actor, user=cast.outsider, groups=[administrator]))
    assert approval.arguments["joined"] == ["administrator"]
    approve(decider(), approval)
    approvals.carry_out(approval.pk)
    assert list(cast.outsider.groups.all()) == [administrator]
    waits(lambda: set_groups(actor=actor, user=cast.outsider, groups=[]))


def test_who_decides_is_not_changed_by_one_alone(cast: Cast) -> None:
    rule("administer")
    approver = Group.objects.get(name="approver")
    actor = Actor.of(cast.owner)
    waits(lambda: set_groups(actor=actor, user=cast.outsider, groups=[approver]))
    waits(lambda: set_groups(actor=actor, user=decider(), groups=[]))


def test_groups_that_changed_meanwhile_are_not_overwritten(cast: Cast) -> None:
    rule("administer")
    actor = Actor.of(cast.owner)
    administrator = Group.objects.get(name="administrator")
    approval = waits(lambda: set_groups(actor=actor, user=cast.outsider, groups=[administrator]))
    cast.outsider.groups.add(Group.objects.get(name="viewer"))
    approve(decider(), approval)
    approvals.carry_out(approval.pk)
    approval.refresh_from_db()
    assert (approval.state, approval.error_code) == ("failed", "approval.changed")


def test_a_superuser_is_made_and_unmade_by_two(cast: Cast) -> None:
    rule("administer")
    actor = Actor.of(cast.owner)
    update_user(actor=actor, user=cast.outsider, first_name="Olga")
    approval = waits(lambda: update_user(actor=actor, user=cast.outsider, is_superuser=True))
    waits(lambda: create_user(actor=actor, username="root2", is_superuser=True))
    approve(decider(), approval)
    approvals.carry_out(approval.pk)
    made = User.objects.get(pk=cast.outsider.pk)
    assert made.is_superuser
    waits(lambda: update_user(actor=actor, user=made, is_superuser=False))


def test_nobody_sets_the_password_of_who_decides_alone(cast: Cast) -> None:
    rule("administer")
    actor, anna, boris = Actor.of(cast.owner), decider(), decider("boris")
    set_password(actor=actor, user=cast.outsider, password=PASSWORD)

    def set_hers() -> None:
        set_password(actor=actor, user=User.objects.get(pk=anna.pk), password=f"{PASSWORD}!")

    approval = waits(set_hers)
    assert User.objects.get(pk=anna.pk).check_password(PASSWORD)
    approve(boris, approval)
    set_hers()
    assert User.objects.get(pk=anna.pk).check_password(f"{PASSWORD}!")


def test_permissions_that_make_an_administrator_wait(cast: Cast) -> None:
    rule("administer")
    actor = Actor.of(cast.owner)
    view, administer = (
        Permission.objects.get(codename=name)
        for name in ("view_certificate", "administer_certificate")
    )
    set_permissions(actor=actor, subject=cast.outsider, rights=[view])
    approval = waits(
        lambda: set_permissions(actor=actor, subject=cast.outsider, rights=[view, administer])
    )
    approve(decider(), approval)
    approvals.carry_out(approval.pk)
    assert set(cast.outsider.user_permissions.all()) == {view, administer}
    group = Group.objects.create(name="own")
    approval = waits(lambda: set_permissions(actor=actor, subject=group, rights=[administer]))
    approve(User.objects.get(username="anna"), approval)
    approvals.carry_out(approval.pk)
    assert group.permissions.get() == administer


def test_a_command_makes_rules_too() -> None:
    decider()
    approvals.create_rule(actor=SYSTEM, name="r", verb="revoke", role="approver")
    assert ApprovalRule.objects.get().required == 1


def test_a_group_that_a_rule_names_is_not_deleted(cast: Cast) -> None:
    security = Group.objects.create(name="security")
    rule(role=security)
    with pytest.raises(Conflict) as error:
        delete_group(actor=Actor.of(cast.owner), group=security)
    assert error.value.code == "group.in_use"
