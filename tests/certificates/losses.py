"""Ways to lose a right, and a CA that remembers what it was asked for."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone
from guardian.models import GroupObjectPermission

from certificates.models import Certificate
from certmate.access.models import ApiToken
from tests import factories, issuing


class CA:
    """Answers at once, and remembers what it was asked for; `meanwhile` happens as it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def issue(self, **request: Any) -> Any:
        self.asked.append("issue")
        self.meanwhile()
        return issuing.issue(**request)

    def revoke(self, **_: Any) -> None:
        self.asked.append("revoke")


def leave_the_group(user: User) -> None:
    user.groups.clear()


def delete_the_group(user: User) -> None:
    Group.objects.get(name="shop people").delete()


def take_the_grants(user: User) -> None:
    GroupObjectPermission.objects.all().delete()


def move_the_certificate(user: User) -> None:
    account = factories.ca_account("corp")
    target = factories.storage_target("corp-store")
    Certificate.objects.update(team=None, ca_account=account, storage_target=target)


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def delete(user: User) -> None:
    user.delete()


def revoke_the_token(user: User) -> None:
    ApiToken.objects.update(revoked_at=timezone.now())


def expire_the_token(user: User) -> None:
    ApiToken.objects.update(expires_at=timezone.now())


def narrow_the_token(user: User) -> None:
    ApiToken.objects.update(name_patterns=["*.elsewhere.test"])


LOSSES = (
    *(leave_the_group, delete_the_group, take_the_grants, move_the_certificate, deactivate, delete),
)
OF_TOKENS = (revoke_the_token, expire_the_token, narrow_the_token)
