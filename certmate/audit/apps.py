from django.apps import AppConfig
from django.db.models.signals import pre_save


class AuditConfig(AppConfig):
    name = "certmate.audit"
    label = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from auditlog.models import LogEntry

        from certmate.audit.context import stamp

        pre_save.connect(stamp, sender=LogEntry, dispatch_uid="certmate.audit.stamp")
