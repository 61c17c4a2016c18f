from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import post_migrate


class StorageConfig(AppConfig):
    name = "storage"
    verbose_name = "Storage"

    def ready(self) -> None:
        from certmate.audit.services import CONFIGURATION, register
        from storage.models import StorageTarget

        # A verification is logged as an event; it changes nothing that an operator has set.
        register(StorageTarget, exclude=("verified_at", "verification_error"), noun=CONFIGURATION)
        post_migrate.connect(_seed, sender=self)


def _seed(*, using: str = DEFAULT_DB_ALIAS, apps: Any = installed, **_: object) -> None:
    """Seed once both tables are there: a migration may stop half-way or go backwards."""
    from certmate.core.schedules import seed
    from storage.schedules import SCHEDULES
    from storage.services import seed_default_target

    tables = {model._meta.db_table for model in apps.get_models()}
    if using == DEFAULT_DB_ALIAS and tables >= {"storage_storagetarget", "audit_event"}:
        seed_default_target()
        seed(*SCHEDULES)
