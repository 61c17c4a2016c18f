"""The roles that come with CertMate are what they are, whoever tampered with them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User

from certificates.models import Certificate
from certmate.access import policy, services
from certmate.access.actors import Actor
from certmate.access.roles import ROLES, seed_roles
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, InvalidRequest
from tests.cast import Cast

pytestmark = pytest.mark.django_db

# What each role may do to every certificate, account and user: enough to see a rule go wrong.
EXPECTED = {
    "viewer": {"certificate": "view", "caaccount": "view", "user": "", "logentry": ""},
    "operator": {
        "certificate": "view add change renew revoke download",
        "caaccount": "view",
        "periodictask": "view",
        "order": "",
        "user": "",
    },
    "approver": {"certificate": "view", "caaccount": "view", "team": "view"},
    "CA administrator": {
        "certificate": "view add change renew revoke download",
        "caaccount": "view add change delete administer",
        "user": "view",
    },
    "auditor": {"certificate": "view", "caaccount": "view", "user": "view", "apitoken": "view"},
    "administrator": {
        "certificate": "view add change delete renew revoke download export_key administer",
        "user": "view add change delete administer",
        "group": "view add change delete administer",
    },
}


def verbs_of(role: str, model: str) -> set[str]:
    names = Group.objects.get(name=role).permissions.filter(content_type__model=model)
    codenames = names.values_list("codename", flat=True)
    return {name.removesuffix(f"_{model}") for name in codenames}


def test_every_role_has_its_rights_and_no_other() -> None:
    assert set(EXPECTED) == set(ROLES)
    for role, models in EXPECTED.items():
        for model, verbs in models.items():
            assert verbs_of(role, model) == set(verbs.split()), (role, model)


def test_only_the_administrator_exports_keys_and_gives_roles() -> None:
    for role in set(ROLES) - {"administrator"}:
        rights = Group.objects.get(name=role).permissions
        assert not rights.filter(codename__startswith="export_key_").exists()
        people = {"user", "group"}
        assert not rights.filter(content_type__model__in=people).exclude(
            codename__startswith="view_"
        )


def test_the_auditor_changes_nothing() -> None:
    rights = Group.objects.get(name="auditor").permissions
    assert not rights.exclude(codename__startswith="view_").exists()


def test_no_role_holds_what_reaches_through_containers() -> None:
    assert not Permission.objects.filter(codename__contains="_under_", group__name__in=ROLES)


def test_migrating_makes_the_roles_anew_and_leaves_the_rest_alone(cast: Cast) -> None:
    before = {name: set(Group.objects.get(name=name).permissions.all()) for name in ROLES}
    viewer, own = Group.objects.get(name="viewer"), Group.objects.create(name="own")
    cast.outsider.groups.add(viewer)
    viewer.permissions.set(Permission.objects.filter(codename="delete_certificate"))
    own.permissions.set(Permission.objects.filter(codename="delete_certificate"))
    Group.objects.get(name="approver").delete()
    seed_roles()
    for name, rights in before.items():
        assert set(Group.objects.get(name=name).permissions.all()) == rights, name
    assert cast.outsider.groups.get() == viewer
    assert own.permissions.get().codename == "delete_certificate"


def test_a_role_is_not_edited_renamed_deleted_or_posed_as(cast: Cast) -> None:
    actor, role = Actor.of(cast.owner), Group.objects.get(name="viewer")
    own = services.create_group(actor=actor, name="own")
    calls: list[Callable[[], Any]] = [
        lambda: services.set_permissions(actor=actor, subject=role, rights=[]),
        lambda: services.rename_group(actor=actor, group=role, name="x"),
        lambda: services.delete_group(actor=actor, group=role),
        lambda: services.rename_group(actor=actor, group=own, name="administrator"),
        lambda: services.create_group(actor=actor, name="administrator"),
    ]
    for call in calls:
        with pytest.raises(InvalidRequest) as refused:
            call()
        assert refused.value.code == "role.fixed"
    own.refresh_from_db()
    assert own.name == "own"
    assert role.permissions.exists()


def test_who_administers_users_gives_no_role_that_is_more_than_his(cast: Cast) -> None:
    right = Permission.objects.get(codename="administer_user")
    see = Permission.objects.get(codename="view_user")
    cast.operator.user_permissions.add(right, see)
    actor = Actor.of(User.objects.get(pk=cast.operator.pk))
    administrator = Group.objects.get(name="administrator")
    for user in (cast.operator, cast.outsider):
        with pytest.raises(AccessDenied):
            services.set_groups(actor=actor, user=user, groups=[administrator])
    assert not User.objects.filter(groups=administrator).exists()


def test_a_member_gains_the_role_and_loses_it_at_once(cast: Cast) -> None:
    owner, operator = Actor.of(cast.owner), Group.objects.get(name="operator")
    for groups in ([operator], []):
        services.set_groups(actor=owner, user=cast.outsider, groups=groups)
        actor = Actor.of(User.objects.get(pk=cast.outsider.pk))
        assert policy.allowed(actor, Verb.RENEW, Certificate) is bool(groups)
