"""Storage targets and their migrations in the admin."""

from storage.admin.migrations import StorageMigrationAdmin
from storage.admin.targets import StorageTargetAdmin

__all__ = ["StorageMigrationAdmin", "StorageTargetAdmin"]
