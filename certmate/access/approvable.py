"""The operations of this app that can need approval, and how each is carried out."""

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model

from certmate.access.actors import Actor
from certmate.access.models import ApprovalRule
from certmate.access.services import granting, people
from certmate.access.services.approvals import register, rules
from certmate.access.services.approvals.administrators import permission_names
from certmate.access.services.approvals.operations import CarryOut
from certmate.access.verbs import Verb


def register_operations() -> None:
    """Called when the app starts."""
    work: tuple[tuple[str, str, type[Model], Verb, CarryOut | None], ...] = (
        ("create_rule", "Add an approval rule", ApprovalRule, Verb.REQUEST, rules.create),
        (
            "change_rule",
            "Change an approval rule",
            ApprovalRule,
            Verb.CHANGE,
            rules.change,
        ),
        (
            "delete_rule",
            "Delete an approval rule",
            ApprovalRule,
            Verb.DELETE,
            rules.delete,
        ),
        ("set_groups", "Change roles", User, Verb.ADMINISTER, _set_groups),
        ("update_user", "Change a user", User, Verb.ADMINISTER, _update_user),
        # A password is nothing to keep in a request.
        ("create_superuser", "Add a superuser", User, Verb.ADMINISTER, None),
        ("set_password", "Set a password", User, Verb.ADMINISTER, None),
        ("set_permissions", "Change permissions", User, Verb.ADMINISTER, _set_permissions),
        ("set_group_permissions", "Change permissions", Group, Verb.ADMINISTER, _set_permissions),
    )
    for name, label, model, verb, carry_out in work:
        register(f"access.{name}", label=label, model=model, verb=verb, carry_out=carry_out)


def _set_groups(actor: Actor, user: User, params: dict[str, Any]) -> None:
    groups = list(Group.objects.filter(name__in=params["groups"]))
    granting.set_groups(actor=actor, user=user, groups=groups)


def _update_user(actor: Actor, user: User, params: dict[str, Any]) -> None:
    people.update_user(actor=actor, user=user, **params)


def _set_permissions(actor: Actor, subject: User | Group, params: dict[str, Any]) -> None:
    wanted = set(params["permissions"])
    rights = [
        right
        for right in Permission.objects.select_related("content_type")
        if permission_names([right])[0] in wanted
    ]
    granting.set_permissions(actor=actor, subject=subject, rights=rights)
