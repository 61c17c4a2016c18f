"""What whoever runs the machine does to the sign-in of others, by user name."""

from django.contrib.auth.models import User
from django.db import transaction

from certmate.audit.services import record
from certmate.core.errors import NotFound
from certmate.signin import factors, lockout, sessions


def unlock(*, name: str = "", address: str = "") -> int:
    """Forget the failures of the name, whether there is such a user or not, and of the address."""
    with transaction.atomic():
        count = lockout.unlock(name=name, address=address)
        user = User.objects.filter(username=name).first()
        if user is not None and count:
            record(user, "signin.unlocked", address=address)
    return count


def end_sessions(*, name: str) -> int:
    """End all sessions of the user. Raises NotFound for a name that nobody has."""
    return sessions.end_all(user=_user(name))


def reset_second_factor(*, name: str) -> int:
    """Take away the user's factors. Raises NotFound for a name that nobody has."""
    return factors.reset(user=_user(name))


def _user(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise NotFound("There is no such user.")
    return user
