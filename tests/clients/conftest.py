from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Group, User

from providers.models import Authority
from storage.models import StorageTarget
from tests import factories
from tests.cast import PASSWORD


@dataclass(frozen=True)
class Crew:
    """`owner` may do everything, `outsider` nothing; the others have the role of that name."""

    owner: User
    operator: User
    approver: User
    auditor: User
    outsider: User


@pytest.fixture
def crew(db: None) -> Crew:
    people = {"owner": User.objects.create_superuser("owner", "owner@example.test", PASSWORD)}
    for name in ("operator", "approver", "auditor", "outsider"):
        people[name] = User.objects.create_user(name, f"{name}@example.test", PASSWORD)
        people[name].groups.set(Group.objects.filter(name=name))
    return Crew(**people)


@pytest.fixture
def target(db: None) -> StorageTarget:
    """The default one, in the database."""
    StorageTarget.objects.filter(is_default=True).update(is_default=False)
    return factories.storage_target("kept", is_default=True)


@pytest.fixture
def authority(target: StorageTarget) -> Authority:
    """The default authority; what it signs goes to the default target."""
    return factories.authority("issuing", is_default=True)
