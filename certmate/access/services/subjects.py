"""Whom rights are granted to, found by name without telling who else there is."""

from django.contrib.auth.models import Group, User
from django.db import models

from certmate.access import explain, policy
from certmate.access.actors import Actor
from certmate.access.services.granting import Subject
from certmate.core.errors import InvalidRequest, NotFound


def find_subject(*, actor: Actor, target: models.Model, user: str = "", group: str = "") -> Subject:
    """The one of both that is named.

    Known to the actor are whom he may see, himself and his groups, and whoever can do something to
    the target. Raises InvalidRequest for anybody else (`grant.subject`), as for nobody.
    """
    if bool(user) == bool(group):
        raise InvalidRequest("Name a user or a group, one of them.", code="grant.subject")
    field = "user" if user else "group"
    known = [*_visible(actor, user, group)]
    if not known:
        ways = (way.subject for way in explain.who(target))
        known = [subject for subject in ways if _is_named(subject, user, group)]
    if not known:
        raise InvalidRequest(
            f"There is no {field} of that name that you know of.", code="grant.subject", field=field
        )
    return known[0]


def find_user(*, actor: Actor, name: str, target: models.Model | None = None) -> User:
    """The user of that name; NotFound as `find_subject` says who is not known."""
    users = _visible(actor, name, "")
    if not users and target is not None:
        ways = (way.subject for way in explain.who(target))
        users = [subject for subject in ways if _is_named(subject, name, "")]
    for user in users:
        if isinstance(user, User):
            return user
    raise NotFound("There is no such user.")


def _visible(actor: Actor, user: str, group: str) -> list[Subject]:
    if user:
        if actor.user is not None and actor.user.username == user:
            return [actor.user]
        return list(policy.visible(actor, User.objects.filter(username=user)))
    named = Group.objects.filter(name=group)
    own = named.filter(user=actor.user) if actor.user is not None else named.none()
    return list(policy.visible(actor, named)) or list(own)


def _is_named(subject: Subject, user: str, group: str) -> bool:
    if isinstance(subject, Group):
        return bool(group) and subject.name == group
    return bool(user) and subject.username == user
