from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CoreConfig(AppConfig):
    name = "certmate.core"
    label = "core"
    verbose_name = "System"

    def ready(self) -> None:
        from certmate.core import lookups  # noqa: F401 - registers itself

        post_migrate.connect(_seed, sender=self)


def _seed(**_: object) -> None:
    from certmate.core import schedules

    schedules.seed(schedules.HEARTBEAT)
