"""What tests of approvals start from: rules, people who decide, and calls that wait."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from certificates import services
from certificates.models import Certificate
from certmate.access.actors import Actor
from certmate.access.models import Approval, ApprovalRule
from certmate.access.services import approvals
from certmate.access.services.approvals import ApprovalNeeded
from tests import factories
from tests.caller import Caller
from tests.cast import PASSWORD

SYSTEM = Actor.system()


def decider(name: str = "anna", role: str = "approver") -> User:
    """Somebody who may decide."""
    user = User.objects.create_user(name, f"{name}@example.test", PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def rule(verb: str = "revoke", **fields: Any) -> ApprovalRule:
    """An enabled rule, made whether or not anybody could decide yet."""
    defaults = {
        "name": f"{verb.replace('_', '-')}-{ApprovalRule.objects.count()}",
        "role": Group.objects.get(name="approver"),
        "required": 1,
        "valid_for": timedelta(days=1),
    }
    return ApprovalRule.objects.create(verb=verb, **(defaults | fields))


def certificate(name: str = "www.example.test", **fields: Any) -> Certificate:
    """An issued certificate whose orders nobody carries out."""
    made = factories.certificate(name, challenge_type="http-01", **fields)
    factories.version(made)
    return made


def waits(call: Callable[[], object]) -> Approval:
    """The request that the call had to make."""
    with pytest.raises(ApprovalNeeded) as needed:
        call()
    return Approval.objects.get(pk=needed.value.approval.pk)


def revocation(user: User, of: Certificate, **params: Any) -> Approval:
    """A revocation that waits."""
    actor = Actor.of(user)
    return waits(lambda: services.revoke_certificate(actor=actor, certificate=of, **params))


def approve(user: User, approval: Approval) -> Approval:
    return approvals.approve_request(actor=Actor.of(user), approval=approval)


def state(approval: Approval) -> str:
    """As the database has it now."""
    return str(Approval.objects.get(pk=approval.pk).state)


class AtBrowser(Caller):
    """Somebody who calls the API with a session instead of a token."""

    def __init__(self, user: User) -> None:
        super().__init__()
        self.client.force_login(user)
