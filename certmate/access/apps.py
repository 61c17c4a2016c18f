from django.apps import AppConfig, apps
from django.db import models
from django.db.models.signals import post_delete, post_migrate


class AccessConfig(AppConfig):
    name = "certmate.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from certmate.access.approvable import register_operations
        from certmate.access.explain import is_governed
        from certmate.access.roles import ensure_permissions, seed_roles

        # After the permissions of all apps exist: Django makes them app by app, and tells nothing
        # of an app without models.
        last = [config for config in apps.get_app_configs() if config.models_module][-1]
        post_migrate.connect(ensure_permissions, sender=last)
        post_migrate.connect(seed_roles, sender=last)
        post_migrate.connect(_seed, sender=self)
        register_operations()
        # For each model that it is about: a listener to all would slow the deletion of any row.
        for model in filter(is_governed, apps.get_models()):
            post_delete.connect(_forget_grants, sender=model)


def _forget_grants(sender: type[models.Model], instance: models.Model, **_: object) -> None:
    """Rights to what is gone are nobody's, whatever gets its key later."""
    from certmate.access.grants import forget

    forget(instance)


def _seed(**_: object) -> None:
    from certmate.access.schedules import SCHEDULES
    from certmate.core.schedules import seed

    seed(*SCHEDULES)
