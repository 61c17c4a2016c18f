"""Roles from the provider's groups, worked out anew at every sign-in."""

import logging
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction

from certmate.audit.services import record
from certmate.signin.configuration import SUPERUSER, OpenIDProvider

logger = logging.getLogger(__name__)


def apply_claims(*, provider: OpenIDProvider, user: User, claims: dict[str, Any]) -> None:
    """Give the roles that the claims grant and take the mapped ones that they do not.

    Roles that the map does not name are left alone, and so is the superuser status unless the map
    names `superuser`. Whoever has a mapped role may enter the admin.
    """
    if not provider.roles:
        return
    groups = groups_in(claims, provider.groups_claim)
    wanted = {role for group, role in provider.roles if group in groups}
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        has = set(user.groups.filter(name__in=provider.managed).values_list("name", flat=True))
        added, removed = _change_groups(user, has, wanted - {SUPERUSER})
        if SUPERUSER in provider.managed and user.is_superuser != (SUPERUSER in wanted):
            user.is_superuser = SUPERUSER in wanted
            (added if user.is_superuser else removed).append(SUPERUSER)
        is_staff = bool(wanted) or user.is_superuser
        if user.is_staff == is_staff and not added and not removed:
            return
        user.is_staff = is_staff
        user.save(update_fields=["is_staff", "is_superuser"])
        record(user, "signin.roles_mapped", added=sorted(added), removed=sorted(removed))


def groups_in(claims: dict[str, Any], claim: str) -> frozenset[str]:
    """The groups in the claim: a list of names, or one name. Anything else is none."""
    found = claims.get(claim)
    items = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(item for item in items if isinstance(item, str))


def _change_groups(user: User, has: set[str], wanted: set[str]) -> tuple[list[str], list[str]]:
    roles = {group.name: group for group in Group.objects.filter(name__in=has | wanted)}
    for name in wanted - roles.keys():
        logger.error("CERTMATE_OIDC_ROLE_MAP names the role %r, which does not exist.", name)
    added, removed = sorted((wanted & roles.keys()) - has), sorted(has - wanted)
    if added:
        user.groups.add(*(roles[name] for name in added))
    if removed:
        user.groups.remove(*(roles[name] for name in removed))
    return added, removed
