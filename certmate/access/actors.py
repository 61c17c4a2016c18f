"""Who asks: a person with a session, a token on behalf of its owner, or CertMate's own schedule."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User

from certmate.access.verbs import IMPLIED, Scope


@dataclass(frozen=True)
class Actor:
    """`user` is None for the schedule only; `scopes` is None where no token narrows the user."""

    user: User | None
    scopes: frozenset[Scope] | None = None

    @classmethod
    def system(cls) -> "Actor":
        """The schedule, which renews what somebody permitted to renew has asked to keep valid."""
        return cls(user=None)

    @classmethod
    def of(cls, user: User | AnonymousUser, scopes: list[str] | None = None) -> "Actor":
        """A signed-in user, narrowed to the scopes of a token if there is one."""
        if not isinstance(user, User):
            return cls(user=User(is_active=False), scopes=frozenset())
        implied = (
            None if scopes is None else frozenset().union(*(IMPLIED[Scope(s)] for s in scopes))
        )
        return cls(user=user, scopes=implied)

    def has_scope(self, scope: Scope) -> bool:
        return self.scopes is None or scope in self.scopes
