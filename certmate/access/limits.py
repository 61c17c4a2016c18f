"""What narrows a token further than its owner's rights: teams and certificate names.

A narrowed token reaches what its teams own, and certificates whose names all match its patterns.
Shared accounts, authorities and storage targets, which no team owns, it may see, because issuing
needs them, and profiles. A token with name patterns reaches no client certificate: who holds one
has no DNS name. Everything else is out of its reach, so that a new kind of object is safe until
somebody decides.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Exists, OuterRef, Q

from certmate.access.verbs import Scope, Verb

if TYPE_CHECKING:
    from certmate.access.models import ApiToken

NOTHING = Q(pk__in=[])


@dataclass(frozen=True)
class Limits:
    """`teams` are primary keys; None and () say that there is no such limit."""

    teams: frozenset[int] | None = None
    patterns: tuple[str, ...] = ()
    token: int | None = None

    @classmethod
    def of(cls, token: "ApiToken") -> "Limits | None":
        """The limits of the token; None for one that is as wide as its owner."""
        # A token that was just looked up knows whether there are any.
        has_teams = getattr(token, "has_teams", True)
        teams = frozenset(token.teams.values_list("pk", flat=True)) or None if has_teams else None
        if teams is None and not token.name_patterns:
            return None
        return cls(teams=teams, patterns=tuple(token.name_patterns), token=token.pk)

    def admit(self, verb: Verb, obj: models.Model) -> bool:
        """Whether the token reaches this object with this verb."""
        if made_by := getattr(type(obj), "access_token", ""):
            return bool(getattr(obj, f"{made_by}_id") == self.token)
        if not _has_team(type(obj)):
            is_own_team = _is_team(obj) and (self.teams is None or obj.pk in self.teams)
            return verb == Verb.VIEW and (is_own_team or _is_for_all(type(obj)))
        if hasattr(obj, "access_names"):
            return self._owns(obj) and all(self.match(name) for name in getattr(obj, "names", []))
        if verb == Verb.VIEW and _is_infrastructure(type(obj)):
            is_shared = obj.team_id is None  # type: ignore[attr-defined]
            return is_shared or self._owns(obj)
        return self._owns(obj) and not self.patterns

    def match(self, name: str) -> bool:
        """Whether the certificate name is one that a pattern allows."""
        return not self.patterns or any(matches(pattern, name) for pattern in self.patterns)

    def narrow(self, verb: Verb, model: type[models.Model], prefix: str = "") -> Q:
        """The same as a condition on rows of the model, reached through `prefix`."""
        own = Q() if self.teams is None else Q(**{f"{prefix}team__in": self.teams})
        if made_by := getattr(model, "access_token", ""):
            return Q(**{f"{prefix}{made_by}": self.token})
        if not _has_team(model):
            return self._ownerless(verb, model, prefix)
        if hasattr(model, "access_names"):
            return own & self._named(model, prefix)
        if verb == Verb.VIEW and _is_infrastructure(model):
            return own | Q(**{f"{prefix}team": None}) if self.teams is not None else Q()
        return NOTHING if self.patterns else own

    def _ownerless(self, verb: Verb, model: type[models.Model], prefix: str) -> Q:
        """Of what has no team: teams themselves, and what is for all."""
        if verb == Verb.VIEW and _is_for_all(model):
            return Q()
        if verb != Verb.VIEW or model._meta.label != "access.Team":
            return NOTHING
        return Q() if self.teams is None else Q(**{f"{prefix}pk__in": self.teams})

    def _owns(self, obj: Any) -> bool:
        return self.teams is None or obj.team_id in self.teams

    def _named(self, model: type[models.Model], prefix: str) -> Q:
        if not self.patterns:
            return Q()
        relation: Any = model._meta.get_field(model.access_names)  # type: ignore[attr-defined]
        back = relation.remote_field.name
        names = relation.related_model._default_manager.filter(**{back: OuterRef(f"{prefix}pk")})
        match = any_of(
            Q(reversed__begins=pattern[:0:-1]) if pattern[0] == "*" else Q(value=pattern)
            for pattern in self.patterns
        )
        return Q(Exists(names.filter(match))) & ~Q(Exists(names.exclude(match)))


def matches(pattern: str, name: str) -> bool:
    """`*.example.com` matches every name below example.com, at any depth; others are exact."""
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


def any_of(conditions: Iterable[Q]) -> Q:
    """Their disjunction; of none, what no row meets."""
    found: Q | None = None
    for condition in conditions:
        found = condition if found is None else found | condition
    return NOTHING if found is None else found


def _has_team(model: type[models.Model]) -> bool:
    return "team" in getattr(model, "access_parents", ())


def _is_infrastructure(model: type[models.Model]) -> bool:
    """What administrators set up and many share: accounts, authorities, targets."""
    return getattr(model, "write_scope", None) == Scope.ADMIN


def _is_for_all(model: type[models.Model]) -> bool:
    """What has no owner and is no secret, such as a profile."""
    return bool(getattr(model, "access_shared", False))


def _is_team(obj: models.Model) -> bool:
    return obj._meta.label == "access.Team"
