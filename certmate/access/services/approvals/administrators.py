"""What of a change of somebody's roles or rights needs approval where a rule says so.

That is whatever makes an administrator, changes one, or changes who decides about requests: with a
second account among the deciders, one person would have four eyes.
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission, User

from certmate.access.actors import Actor
from certmate.access.models import ApprovalRule
from certmate.access.services.approvals.asking import Permit, require
from certmate.access.verbs import Verb

ADMINISTRATOR = "administrator"
_GIVE_ROLES = (f"{Verb.ADMINISTER}_user", f"{Verb.ADMINISTER}_group")


def ask_for_groups(actor: Actor, user: User, groups: Collection[Group]) -> Permit:
    """For making the user a member of exactly these groups."""
    before, after = set(user.groups.all()), set(groups)
    changed = before ^ after
    if not changed or not (_is_administrator(user) or _decides(changed) or _has_role(after)):
        return Permit()
    params = {
        "groups": _names(after),
        "joined": _names(after - before),
        "left": _names(before - after),
        # Names can pass to other groups while the request waits.
        "keys": sorted(group.pk for group in after),
    }
    return _ask(actor, user, "access.set_groups", params)


def ask_for_rights(
    actor: Actor, subject: User | Group, before: set[Permission], after: set[Permission]
) -> Permit:
    """For giving the user or group exactly these permissions."""
    given, taken = after - before, before - after
    administers = any(right.codename.startswith(f"{Verb.ADMINISTER}_") for right in given)
    is_about_one = isinstance(subject, User) and _is_administrator(subject)
    if not (given or taken) or not (administers or is_about_one):
        return Permit()
    params = {
        "permissions": permission_names(after),
        "given": permission_names(given),
        "taken": permission_names(taken),
    }
    whose = "permissions" if isinstance(subject, User) else "group_permissions"
    return _ask(actor, subject, f"access.set_{whose}", params)


def ask_for_account(actor: Actor, user: User, changes: Mapping[str, Any]) -> Permit:
    """For these changes of the account, if they make or unmake a superuser, or let another come in
    as somebody who decides or administers: in a directory the name is the person.
    """
    is_known = user.pk is not None
    lets_in = "username" in changes or changes.get("is_active", False)
    becomes_another = is_known and lets_in and _poses(actor, user)
    if changes.get("is_superuser", user.is_superuser) == user.is_superuser and not becomes_another:
        return Permit()
    operation = "update_user" if is_known else "create_superuser"
    return _ask(actor, user, f"access.{operation}", dict(changes))


def ask_for_password(actor: Actor, user: User) -> Permit:
    """For setting the password of somebody else who decides or administers: with it one person
    could be two.
    """
    if not _poses(actor, user):
        return Permit()
    return _ask(actor, user, "access.set_password", {})


def _poses(actor: Actor, user: User) -> bool:
    """Whether by this account the actor would have more eyes or hands than his own."""
    is_above = _is_administrator(user) or _decides(user.groups.all())
    return user != actor.user and is_above


def permission_names(rights: Collection[Permission]) -> list[str]:
    """`certificates.renew_certificate`, in order."""
    return sorted(f"{right.content_type.app_label}.{right.codename}" for right in rights)


def _ask(actor: Actor, subject: User | Group, operation: str, params: dict[str, Any]) -> Permit:
    return require(
        actor=actor, verb=Verb.ADMINISTER, target=subject, operation=operation, params=params
    )


def _decides(groups: Collection[Group]) -> bool:
    return ApprovalRule.objects.filter(is_enabled=True, role__in=groups).exists()


def _is_administrator(user: User) -> bool:
    own = user.user_permissions.filter(codename__in=_GIVE_ROLES)
    return user.is_superuser or own.exists() or _has_role(user.groups.all())


def _has_role(groups: Collection[Group]) -> bool:
    """Whether one is the role, or gives as much under another name."""
    if any(group.name == ADMINISTRATOR for group in groups):
        return True
    rights = Permission.objects.filter(codename__in=_GIVE_ROLES, group__in=groups)
    return rights.exists()


def _names(groups: Collection[Group]) -> list[str]:
    return sorted(group.name for group in groups)
