"""Storage targets, their migrations, mirrors and rebuilds in the admin."""

from storage.admin.migrations import StorageMigrationAdmin
from storage.admin.mirrors import MirrorAdmin
from storage.admin.rebuilds import StorageRebuildAdmin
from storage.admin.targets import StorageTargetAdmin

__all__ = ["MirrorAdmin", "StorageMigrationAdmin", "StorageRebuildAdmin", "StorageTargetAdmin"]
