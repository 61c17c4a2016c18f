"""Identities: made, changed, deleted."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services import find_team, give_to_team
from certmate.access.verbs import Verb
from certmate.core.deleting import delete_unused
from certmate.core.errors import Conflict, invalid_input
from certmate.core.tags import clean_tags
from certmate.pki.names import safe_object_name
from certmate.pki.subject import parse_subject
from clients.models import Identity


def create_identity(
    *,
    actor: Actor,
    name: str,
    kind: str,
    description: str = "",
    email: str = "",
    subject: Mapping[str, Any] | None = None,
    team: str = "",
    tags: Iterable[str] = (),
    notes: str = "",
) -> Identity:
    """Take up somebody or something that shall hold certificates."""
    policy.require_possible(actor, Verb.REQUEST, Identity)
    with invalid_input("name"):
        checked_name = safe_object_name(name.strip().lower())
    with invalid_input("subject"):
        checked_subject = parse_subject(subject or {})
    identity = Identity(
        name=checked_name,
        kind=kind,
        description=description,
        email=email,
        subject=checked_subject,
        team=find_team(actor=actor, name=team),
        tags=clean_tags(tags),
        notes=notes,
        created_by=actor.user,
    )
    policy.require(actor, Verb.REQUEST, identity)
    return _save(identity)


def update_identity(
    *,
    actor: Actor,
    identity: Identity,
    subject: Mapping[str, Any] | None = None,
    tags: Iterable[str] | None = None,
    team: str | None = None,
    **changes: Any,
) -> Identity:
    """Change what is given; `changes` are of `kind`, `description`, `email` and `notes`.

    Certificates that were issued stay as they are.
    """
    policy.require(actor, Verb.CHANGE, identity)
    with transaction.atomic():
        identity = Identity.objects.select_for_update().get(pk=identity.pk)
        if subject is not None:
            with invalid_input("subject"):
                identity.subject = parse_subject(subject)
        if tags is not None:
            identity.tags = clean_tags(tags)
        if team is not None:
            owner = find_team(actor=actor, name=team)
            give_to_team(actor=actor, target=identity, team=owner)
        for field in {"kind", "description", "email", "notes"} & changes.keys():
            setattr(identity, field, changes[field])
        return _save(identity)


def delete_identity(*, actor: Actor, identity: Identity) -> None:
    """Raises Conflict (`identity.in_use`) while it has certificates."""
    policy.require(actor, Verb.DELETE, identity)
    in_use = Conflict(
        f"{identity} has certificates. Revoke and delete them first.", code="identity.in_use"
    )
    delete_unused(identity, in_use)


def _save(identity: Identity) -> Identity:
    identity.full_clean()
    try:
        with transaction.atomic():
            identity.save()
    except IntegrityError as error:
        raise Conflict(
            f"There is an identity {identity.name} by now.", code="identity.exists", field="name"
        ) from error
    return identity
