"""Groups that had a role's name before there were roles."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User

from certmate.access.roles import ROLES, seed_roles

make_way = import_module("certmate.access.migrations.0004_role_names").make_way


@pytest.mark.parametrize("name", ROLES)
def test_a_group_with_a_roles_name_does_not_become_the_role(db: None, name: str) -> None:
    """An upgrade would give its members everything that the role may do."""
    Group.objects.all().delete()
    Group.objects.create(name=f"{name} (own 1)")
    group = Group.objects.create(name=name)
    group.permissions.add(Permission.objects.get(codename="view_certificate"))
    member = User.objects.create_user("member")
    member.groups.add(group)
    make_way(apps, None)
    seed_roles()
    assert [group.name for group in member.groups.all()] == [f"{name} (own 2)"]
    assert set(member.get_group_permissions()) == {"certificates.view_certificate"}


def test_roles_that_are_seeded_keep_their_names(db: None) -> None:
    make_way(apps, None)
    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)
