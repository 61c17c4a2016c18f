"""Rights given and taken back: on one object, on what hangs from a container, and by role.

Nobody gives what he does not hold, and nobody changes the rights of somebody who has more.
"""

from collections.abc import Collection, Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import models, transaction
from django.db.models import Q
from guardian.models import GroupObjectPermission, UserObjectPermission

from certmate.access import explain, grants, policy
from certmate.access.actors import Actor
from certmate.access.models import Approval, ApprovalRule, Requirement
from certmate.access.models.approvals import OPEN
from certmate.access.roles import is_role
from certmate.access.services.approvals.administrators import ask_for_groups, ask_for_rights
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, InvalidRequest, NotFound
from certmate.core.events import tell

Subject = User | Group


def set_grants(
    *,
    actor: Actor,
    subject: Subject,
    target: models.Model,
    verbs: Collection[Verb],
    under: bool = False,
) -> None:
    """Let the subject do exactly these verbs to the target by grant; () takes the grant away.

    With `under` they are about what hangs from the target, a container. The audit log has each row
    as it is made and deleted. Raises AccessDenied for a verb, given or taken, that the actor does
    not hold, InvalidRequest for one that such an object does not know.
    """
    policy.require(actor, Verb.ADMINISTER, target)
    known = known_verbs(type(target), under=under)
    unknown = sorted(set(verbs) - set(known))
    if unknown:
        raise InvalidRequest(
            f"A {target._meta.verbose_name} knows no {', '.join(unknown)} "
            f"{'for what belongs to it' if under else 'of its own'}. Known: {', '.join(known)}.",
            code="grant.verb",
            field="verbs",
        )
    with transaction.atomic():
        # One row that both lock, so that two who edit one grant follow each other.
        rows = type(target)._default_manager.select_for_update()
        if rows.filter(pk=target.pk).values("pk").first() is None:
            raise NotFound(f"There is no such {target._meta.verbose_name}.")
        before = granted(subject, target, under=under)
        for verb in set(verbs) ^ set(before):
            _require_held(actor, verb, target, under)
        given, taken = set(verbs) - set(before), set(before) - set(verbs)
        _write(subject, target, under, given, taken)
        if given or taken:
            told = {"given": sorted(given), "taken": sorted(taken), "under": under}
            tell(target, "access.granted", **_told(subject), **told)


def grantable(actor: Actor, target: models.Model, *, under: bool = False) -> list[Verb]:
    """The verbs that the actor may give to others on the target, or take from them."""
    if not policy.allowed(actor, Verb.ADMINISTER, target):
        return []
    known = known_verbs(type(target), under=under)
    return [verb for verb in known if _is_held(actor, verb, target, under)]


def granted(subject: Subject, target: models.Model, *, under: bool = False) -> list[Verb]:
    """The verbs that the subject was granted on this object itself, or on what hangs from it."""
    names = {_name(target, verb, under): verb for verb in Verb}
    rows = _rows(subject).filter(
        object_pk=str(target.pk),
        permission__content_type__app_label=target._meta.app_label,
        permission__codename__in=names,
    )
    held = {names[name] for name in rows.values_list("permission__codename", flat=True)}
    return [verb for verb in Verb if verb in held]


def known_verbs(model: type[models.Model], *, under: bool = False) -> tuple[Verb, ...]:
    """The verbs that can be granted on an object of the model, or on what hangs from it."""
    if not explain.is_governed(model):
        return ()
    if not under:
        return explain.verbs_of(model)
    return tuple(Verb) if grants.contents(model) else ()


def set_groups(*, actor: Actor, user: User, groups: Collection[Group]) -> None:
    """Make the user a member of exactly these groups.

    Raises AccessDenied for a group, joined or left, that holds a right which the actor does not,
    and for the groups of a superuser unless the actor is one.
    """
    policy.require(actor, Verb.ADMINISTER, user)
    require_no_superuser(actor, user)
    for group in set(user.groups.all()) ^ set(groups):
        require_within(actor, group)
    permit = ask_for_groups(actor, user, groups)
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        changed = set(user.groups.all()) ^ set(groups)
        for group in changed:
            require_within(actor, group)
        permit.use()
        if changed:
            user.groups.set(groups)
            tell(user, "access.groups_changed", groups=sorted(group.name for group in groups))


def set_permissions(*, actor: Actor, subject: Subject, rights: Iterable[Permission]) -> None:
    """Give the user or group exactly these permissions over all objects of a kind.

    Raises AccessDenied for one, given or taken, that the actor does not hold. CertMate's own roles
    are not edited (`role.fixed`).
    """
    policy.require(actor, Verb.ADMINISTER, subject)
    if isinstance(subject, User):
        require_no_superuser(actor, subject)
    elif is_role(subject):
        raise InvalidRequest(
            f"{subject} is one of CertMate's own roles. Make a group for another set of rights.",
            code="role.fixed",
        )
    held = _rights_of(subject)
    wanted = set(rights)
    before = set(held.all())
    _require_permissions(actor, wanted ^ before)
    permit = ask_for_rights(actor, subject, before, wanted)
    with transaction.atomic():
        before = set(held.all())
        _require_permissions(actor, wanted ^ before)
        permit.use()
        held.set(wanted)
        given, taken = wanted - before, before - wanted
        if given or taken:
            names = {
                "given": sorted(right.codename for right in given),
                "taken": sorted(right.codename for right in taken),
            }
            tell(subject, "access.permissions_changed", **names)


def require_within(actor: Actor, subject: Subject) -> None:
    """Raise AccessDenied unless the actor holds everything that the subject was given: membership
    of the group, or the user's password, would be a gain.
    """
    if actor.user is None or is_superuser(actor):
        return
    if isinstance(subject, User):
        require_no_superuser(actor, subject)
        for group in subject.groups.all():
            require_within(actor, group)
    else:
        _require_decides(actor, actor.user, subject)
    _require_permissions(actor, _rights_of(subject).select_related("content_type"))
    given = _rows(subject)
    for permission in given.values_list("permission", flat=True).distinct():
        right = Permission.objects.select_related("content_type").get(pk=permission)
        if _holds_for_all(actor.user, right):
            continue
        own = Q(object_pk__in=_own_keys(actor.user, permission))
        if given.filter(permission=permission).exclude(own).exists():
            raise AccessDenied(
                f"{subject} holds rights on single objects that you do not hold.",
                code="access.gain",
            )


def _require_decides(actor: Actor, user: User, group: Group) -> None:
    """Deciding about requests comes with membership, and with no permission of the group."""
    asked = Requirement.objects.filter(role=group, approval__state__in=OPEN)
    if not ApprovalRule.objects.filter(role=group).exists() and not asked.exists():
        return
    is_member = actor.limits is None and user.groups.filter(pk=group.pk).exists()
    if not is_member and not policy.allowed(actor, Verb.APPROVE, Approval):
        raise AccessDenied(
            f"Members of {group} decide about requests, which you may not.", code="access.gain"
        )


def require_no_superuser(actor: Actor, user: User) -> None:
    """Raise AccessDenied where the user is a superuser and the actor is not."""
    if user.is_superuser and not is_superuser(actor):
        raise AccessDenied("Only a superuser changes a superuser.")


def is_superuser(actor: Actor) -> bool:
    """Whether everything is permitted to the actor's user, and no token narrows him."""
    if actor.user is None:
        return True
    return actor.user.is_superuser and actor.user.is_active and actor.limits is None


def _write(
    subject: Subject, target: models.Model, under: bool, given: set[Verb], taken: set[Verb]
) -> None:
    content = {"content_type__app_label": target._meta.app_label}
    for verb in sorted(given):
        right = Permission.objects.get(codename=_name(target, verb, under), **content)
        _rows(subject).get_or_create(
            permission=right,
            object_pk=str(target.pk),
            defaults={"content_type": right.content_type},
            **_who(subject),
        )
    gone = [_name(target, verb, under) for verb in taken]
    for row in _rows(subject).filter(object_pk=str(target.pk), permission__codename__in=gone):
        row.delete()  # One by one, so that the audit log has each.


def _require_held(actor: Actor, verb: Verb, target: models.Model, under: bool) -> None:
    if not _is_held(actor, verb, target, under):
        raise AccessDenied(
            f"You cannot grant what you may not do yourself: {verb.replace('_', ' ')}.",
            code="access.gain",
        )


def _is_held(actor: Actor, verb: Verb, target: models.Model, under: bool) -> bool:
    return _holds_under(actor, verb, target) if under else policy.allowed(actor, verb, target)


def _holds_under(actor: Actor, verb: Verb, target: models.Model) -> bool:
    """Whether the actor may do this to whatever hangs, or will hang, from the container."""
    user = actor.user
    if user is None:
        return True
    if actor.limits is not None:
        return False  # What hangs from the container may be beyond the token.
    permission = grants.under_codename(type(target), verb)
    if user.has_perm(permission) or grants.holds(user, [(permission, str(target.pk))]):
        return True
    kinds = [model for model in grants.contents(type(target)) if verb in explain.verbs_of(model)]
    return bool(kinds) and all(user.has_perm(grants.codename(kind, verb)) for kind in kinds)


def _require_permissions(actor: Actor, rights: Iterable[Permission]) -> None:
    if actor.user is None or is_superuser(actor):
        return
    for right in rights:
        if actor.limits is not None or not _holds_for_all(actor.user, right):
            raise AccessDenied(
                f"You cannot give or take what you do not hold yourself: {right.name}.",
                code="access.gain",
            )


def _holds_for_all(user: User, right: Permission) -> bool:
    return user.has_perm(f"{right.content_type.app_label}.{right.codename}")


def _own_keys(user: User, permission: int) -> models.QuerySet[Any, Any]:
    own = UserObjectPermission.objects.filter(user=user, permission=permission)
    groups = GroupObjectPermission.objects.filter(group__user=user, permission=permission)
    return own.values("object_pk").union(groups.values("object_pk"))


def _rights_of(subject: Subject) -> Any:
    return subject.permissions if isinstance(subject, Group) else subject.user_permissions


def _rows(subject: Subject) -> models.QuerySet[UserObjectPermission | GroupObjectPermission]:
    model = apps.get_model("guardian", f"{type(subject).__name__}ObjectPermission")
    rows: models.QuerySet[UserObjectPermission | GroupObjectPermission] = (
        model._default_manager.filter(**_who(subject))
    )
    return rows


def _who(subject: Subject) -> dict[str, Subject]:
    return {"group": subject} if isinstance(subject, Group) else {"user": subject}


def _told(subject: Subject) -> dict[str, str]:
    kind = "group" if isinstance(subject, Group) else "user"
    return {kind: str(subject)}


def _name(target: models.Model, verb: Verb, under: bool) -> str:
    return f"{verb}_{'under_' if under else ''}{target._meta.model_name}"
