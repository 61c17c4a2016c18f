from django.apps import AppConfig
from django.db.models.signals import post_migrate, post_save, pre_save


class AuditConfig(AppConfig):
    name = "certmate.audit"
    label = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from auditlog.models import LogEntry

        from certmate.audit import keys, signals, writing

        # Reading the log needs a token of this scope (certmate.access.verbs.needed_scope).
        LogEntry.read_scope = "audit"
        LogEntry.save = writing.together(LogEntry.save)
        pre_save.connect(writing.stamp, sender=LogEntry, dispatch_uid="certmate.audit.stamp")
        post_save.connect(writing.complete, sender=LogEntry, dispatch_uid="certmate.audit.complete")
        # Ahead of what others seed after a migration, which is audited too.
        post_migrate.connect(keys.forget, dispatch_uid="certmate.audit.keys")
        post_migrate.connect(_seed, sender=self)
        signals.connect()


def _seed(**_: object) -> None:
    from certmate.audit.schedules import SCHEDULES
    from certmate.core.schedules import seed

    seed(*SCHEDULES)
