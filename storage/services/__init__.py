"""What can be done to storage targets and the bundles in them: one function a verb."""

from storage.services.migrations import cancel_migration, migrate_target
from storage.services.mirrors import add_mirror, remove_mirror, retry_mirror
from storage.services.places import (
    is_own_database,
    list_refs,
    load,
    load_many,
    remove,
    store,
    store_many,
)
from storage.services.rebuilds import cancel_rebuild, rebuild_target
from storage.services.targets import (
    create_target,
    default_target,
    delete_target,
    resolve_target,
    seed_default_target,
    touch_targets,
    update_target,
    verify_target,
)

__all__ = [
    "add_mirror",
    "cancel_migration",
    "cancel_rebuild",
    "create_target",
    "default_target",
    "delete_target",
    "is_own_database",
    "list_refs",
    "load",
    "load_many",
    "migrate_target",
    "rebuild_target",
    "remove",
    "remove_mirror",
    "resolve_target",
    "retry_mirror",
    "seed_default_target",
    "store",
    "store_many",
    "touch_targets",
    "update_target",
    "verify_target",
]
