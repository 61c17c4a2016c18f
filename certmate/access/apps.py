from django.apps import AppConfig, apps
from django.db import models
from django.db.models.signals import post_delete, post_migrate

from certmate.access.verbs import Verb


class AccessConfig(AppConfig):
    name = "certmate.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from certmate.access.roles import ensure_permissions, seed_roles

        # After the permissions of all apps exist: Django makes them app by app.
        last = list(apps.get_app_configs())[-1]
        post_migrate.connect(ensure_permissions, sender=last)
        post_migrate.connect(seed_roles, sender=last)
        post_delete.connect(_forget_grants)


def _forget_grants(sender: type[models.Model], instance: models.Model, **_: object) -> None:
    """Rights to what is gone are nobody's, whatever gets its key later."""
    from certmate.access.grants import forget

    if any(name.startswith(f"{Verb.ADMINISTER}_") for name, _label in sender._meta.permissions):
        forget(instance)
