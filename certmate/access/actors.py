"""Who asks: a person with a session, a token on behalf of its owner, or CertMate's own schedule."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser, User

from certmate.access.limits import Limits
from certmate.access.verbs import IMPLIED, Scope
from certmate.core import clock

if TYPE_CHECKING:
    from certmate.access.models import ApiToken


@dataclass(frozen=True)
class Actor:
    """`user` is None for the schedule only. `scopes` and `limits` are None where no token narrows
    the user.
    """

    user: User | None
    scopes: frozenset[Scope] | None = None
    limits: Limits | None = None
    token: "ApiToken | None" = field(default=None, compare=False)

    @classmethod
    def system(cls) -> "Actor":
        """The schedule, which renews what somebody permitted to renew has asked to keep valid."""
        return cls(user=None)

    @classmethod
    def nobody(cls) -> "Actor":
        """Somebody without any right, such as a user who was deleted since."""
        return cls(user=User(is_active=False), scopes=frozenset())

    @classmethod
    def of(cls, user: User | AnonymousUser | None, token: "ApiToken | None" = None) -> "Actor":
        """A signed-in user, narrowed to what the token allows now if there is one."""
        if not isinstance(user, User):
            return cls.nobody()
        if token is None:
            return cls(user=user)
        if not token.is_usable(clock.now()):
            return cls.nobody()
        scopes = frozenset().union(*(IMPLIED[Scope(scope)] for scope in token.scopes))
        return cls(user=user, scopes=scopes, limits=Limits.of(token), token=token)

    def has_scope(self, scope: Scope) -> bool:
        return self.scopes is None or scope in self.scopes
