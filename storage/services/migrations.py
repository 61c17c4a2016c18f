"""Migrations from one target to another: asked for and cancelled. `storage.migrating` does them."""

from typing import Any

from django.db import models
from guardian.models import GroupObjectPermission, UserObjectPermission

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, Conflict, InvalidRequest
from certmate.core.relations import references_to
from storage.choices import OPEN_WORK
from storage.models import StorageMigration, StorageTarget
from storage.services.targets import named_target
from storage.services.work import ask_for, cancel

RUN_MIGRATION = "storage.run_migration"


def migrate_target(
    *, actor: Actor, target: StorageTarget, to: str, clean_up: bool = False
) -> StorageMigration:
    """Have all bundles of the target copied to the one called `to`, and what names it name that.

    `clean_up` removes them from the target when each was read back. Repeated after a failure, it
    copies what is missing. Raises InvalidRequest (`storage.unknown`, `storage.same_target`),
    Conflict (`storage.migrating`), AccessDenied (`access.gain`).
    """
    policy.require(actor, Verb.CHANGE, target)
    destination = named_target(actor, to, field="to")
    policy.require(actor, Verb.CHANGE, destination)
    if destination == target:
        raise InvalidRequest(
            "A target is migrated to another one.", code="storage.same_target", field="to"
        )
    _require_no_gain(actor, target, destination)
    if _is_open(destination):
        # What has just arrived would go back, and for ever.
        raise Conflict(f"{destination} is being migrated itself.", code="storage.migrating")
    return ask_for(
        StorageMigration(source=target, destination=destination, cleans_up=clean_up),
        target,
        RUN_MIGRATION,
        actor=actor,
        is_open=Conflict(f"{target} is being migrated already.", code="storage.migrating"),
        to=destination.name,
        clean_up=clean_up,
    )


def cancel_migration(*, actor: Actor, migration: StorageMigration) -> StorageMigration:
    """Copy no further bundle. What is copied stays, and the source is as it was.

    Raises Conflict (`storage.migration_ended`).
    """
    policy.require(actor, Verb.CHANGE, migration.source)
    has_ended = Conflict("The migration has ended.", code="storage.migration_ended")
    return cancel(migration, migration.source, has_ended=has_ended)


def naming_models() -> list[type[models.Model]]:
    """The models of all apps whose `storage_target` says where their bundles are."""
    return [model for model, field in references_to(StorageTarget) if field == "storage_target"]


def is_version(model: Any) -> bool:
    """Whether its rows are of one certificate each, which is what a bundle's version is."""
    return any(field.name == "fingerprint" for field in model._meta.fields)


def _is_open(source: StorageTarget) -> bool:
    return StorageMigration.objects.filter(source=source, state__in=OPEN_WORK).exists()


def _require_no_gain(actor: Actor, source: StorageTarget, destination: StorageTarget) -> None:
    """Hanging objects from another target is granting: whoever has rights below that one gets them
    to all that moves there, so the actor has to have them everywhere.
    """
    for _, _, name in _grants_on(destination) - _grants_on(source):
        verb, is_under, _ = name.partition("_under_")
        if not is_under or actor.user is None:
            continue
        for kind in {policy.root_model(model) for model in naming_models()}:
            codename = policy.codename(kind, Verb(verb))
            if _exists(kind, Verb(verb)) and not actor.user.has_perm(codename):
                raise AccessDenied(
                    f"{destination} would let others {verb.replace('_', ' ')} what moves there, "
                    "which you may not do yourself.",
                    code="access.gain",
                )


def _grants_on(target: StorageTarget) -> set[tuple[str, int, str]]:
    """Who holds what on this one target; rights to all of its kind reach both alike."""
    on = {"content_type__model": "storagetarget", "object_pk": str(target.pk)}
    users = UserObjectPermission.objects.filter(**on)
    groups = GroupObjectPermission.objects.filter(**on)
    by_user = users.values_list("user_id", "permission__codename")
    by_group = groups.values_list("group_id", "permission__codename")
    return {("user", *row) for row in by_user} | {("group", *row) for row in by_group}


def _exists(model: type[models.Model], verb: Verb) -> bool:
    """Whether there is such a right to objects of this kind at all."""
    name = policy.codename(model, verb).partition(".")[2]
    defaults = {f"{action}_{model._meta.model_name}" for action in model._meta.default_permissions}
    return name in defaults | {codename for codename, _ in model._meta.permissions}
