"""Which permissions somebody holds on at least one object: what a page without an object asks.

The objects themselves are not looked at, because that would read a whole table for a menu.
"""

from django.contrib.auth.models import User
from guardian.models import GroupObjectPermission, UserObjectPermission

_COLUMNS = ("permission__content_type__app_label", "permission__codename")


def granted_somewhere(user: User) -> frozenset[str]:
    """The permissions, such as `certificates.view_certificate`, of the user and of his groups."""
    own = UserObjectPermission.objects.filter(user=user).values_list(*_COLUMNS)
    through_groups = GroupObjectPermission.objects.filter(group__user=user).values_list(*_COLUMNS)
    return frozenset(f"{app}.{codename}" for app, codename in own.union(through_groups))
