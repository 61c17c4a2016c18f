"""Users and groups: made, changed, deleted. What they may do is set in `granting`.

Whoever could take over somebody's account could do what that person can, so nobody sets the
password or the name of somebody who has more rights than himself.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.models import ServiceAccount
from certmate.access.roles import ROLES, is_role
from certmate.access.services.approvals.administrators import ask_for_account, ask_for_password
from certmate.access.services.granting import is_superuser, require_no_superuser, require_within
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, Conflict, InvalidRequest

IDENTITY = frozenset({"username", "email"})
"""What somebody is recognised by, at a provider of sign-ins too."""


def create_user(*, actor: Actor, password: str = "", **fields: Any) -> User:
    """Make a user without any right. Without a password he signs in some other way, or not at all.

    `fields` are those of `update_user`. Raises ValidationError.
    """
    policy.require(actor, Verb.REQUEST, User)
    _require_superuser_for(actor, User(), fields)
    user = User(**fields)
    _choose(user, password)
    user.full_clean()
    permit = ask_for_account(actor, User(username=user.username), fields)
    with transaction.atomic():
        user.save()
        permit.use(user)
    return user


def update_user(*, actor: Actor, user: User, **changes: Any) -> User:
    """Change what is given of `username`, `email`, `first_name`, `last_name`, `is_active`,
    `is_staff` (may sign in to the admin) and `is_superuser`.

    Raises AccessDenied for a superuser unless the actor is one; for the superuser status likewise;
    and, of somebody with more rights than the actor, for what he is recognised by and for letting
    him in again. Raises Conflict (`user.self`) for who would lock himself out.
    """
    policy.require(actor, Verb.CHANGE, user)
    changes = {name: value for name, value in changes.items() if getattr(user, name) != value}
    if not changes:
        return user
    require_no_superuser(actor, user)
    _require_superuser_for(actor, user, changes)
    if user == actor.user and changes.keys() & {"is_active", "is_staff", "is_superuser"}:
        raise Conflict("You would lock yourself out. Somebody else does that.", code="user.self")
    if user != actor.user and (changes.keys() & IDENTITY or changes.get("is_active")):
        require_within(actor, user)
    permit = ask_for_account(actor, user, changes)
    for name, value in changes.items():
        setattr(user, name, value)
    user.full_clean()
    with transaction.atomic():
        user.save(update_fields=list(changes))
        permit.use(user)
    return user


def set_password(*, actor: Actor, user: User, password: str) -> None:
    """Give the user a password, which ends his sessions; "" leaves him without one.

    Raises AccessDenied for somebody with more rights than the actor, Conflict for oneself
    (`user.self`), InvalidRequest for a service account (`user.service_account`), ValidationError
    for a weak password.
    """
    policy.require(actor, Verb.ADMINISTER, user)
    require_within(actor, user)
    if user == actor.user:
        raise Conflict(
            "Your own password is changed on its page, which asks for the old one.",
            code="user.self",
        )
    if ServiceAccount.objects.filter(user=user).exists():
        raise InvalidRequest(
            "A service account has tokens and no password.",
            code="user.service_account",
            field="password",
        )
    _choose(user, password)
    permit = ask_for_password(actor, user)
    with transaction.atomic():
        # Again: he may have been given more meanwhile.
        require_within(actor, User.objects.select_for_update().get(pk=user.pk))
        user.save(update_fields=["password"])
        permit.use()


def delete_user(*, actor: Actor, user: User) -> None:
    """Delete the user with his tokens and grants; what he made stays.

    Raises Conflict for oneself (`user.self`), and for somebody whom records need (`user.in_use`):
    deactivate him.
    """
    policy.require(actor, Verb.DELETE, user)
    require_no_superuser(actor, user)
    if user == actor.user:
        raise Conflict("You cannot delete yourself.", code="user.self")
    try:
        with transaction.atomic():
            user.delete()
    except ProtectedError as error:
        raise Conflict(
            f"Records still need {user}. Deactivate the user instead.", code="user.in_use"
        ) from error


def create_group(*, actor: Actor, name: str) -> Group:
    """Make a group without any right. Raises ValidationError for a name that is taken."""
    policy.require(actor, Verb.REQUEST, Group)
    return _named(Group(), name)


def rename_group(*, actor: Actor, group: Group, name: str) -> Group:
    """A name is what providers of sign-ins give groups by, so it is changed as a group is given.

    Raises InvalidRequest (`role.fixed`) for CertMate's own roles, AccessDenied for a group that
    holds more than the actor does.
    """
    policy.require(actor, Verb.CHANGE, group)
    _require_own(group)
    require_within(actor, group)
    return _named(group, name)


def delete_group(*, actor: Actor, group: Group) -> None:
    """Delete the group, and with it what its members may do by it.

    Raises InvalidRequest (`role.fixed`) for CertMate's own roles, AccessDenied for a group that
    holds more than the actor does, Conflict (`group.in_use`) while a rule asks for its approval.
    """
    policy.require(actor, Verb.DELETE, group)
    _require_own(group)
    require_within(actor, group)
    try:
        with transaction.atomic():
            group.delete()
    except ProtectedError as error:
        raise Conflict(f"Rules about approval still name {group}.", code="group.in_use") from error


def _named(group: Group, name: str) -> Group:
    if name in ROLES:
        # Each release gives a group of that name the permissions of the role.
        raise InvalidRequest(
            f"{name} is one of CertMate's own roles.", code="role.fixed", field="name"
        )
    group.name = name
    group.full_clean()
    group.save()
    return group


def _require_own(group: Group) -> None:
    if is_role(group):
        raise InvalidRequest(
            f"{group} is one of CertMate's own roles, which stay as they are.", code="role.fixed"
        )


def _require_superuser_for(actor: Actor, user: User, changes: Mapping[str, Any]) -> None:
    is_changed = changes.get("is_superuser", user.is_superuser) != user.is_superuser
    if is_changed and not is_superuser(actor):
        raise AccessDenied("Only a superuser makes or unmakes a superuser.")


def _choose(user: User, password: str) -> None:
    if not password:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    user.set_password(password)
