"""Storage targets, their migrations and mirrors in the admin."""

from storage.admin.migrations import StorageMigrationAdmin
from storage.admin.mirrors import MirrorAdmin
from storage.admin.targets import StorageTargetAdmin

__all__ = ["MirrorAdmin", "StorageMigrationAdmin", "StorageTargetAdmin"]
