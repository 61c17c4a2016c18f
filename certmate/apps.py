"""The project as an application: what has to know several parts of the kernel at once."""

from typing import Any

from django.apps import AppConfig
from django.db import models


class ProjectConfig(AppConfig):
    name = "certmate"
    verbose_name = "CertMate"

    def ready(self) -> None:
        from django.contrib.auth.models import Group, User
        from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
        from guardian.models import GroupObjectPermission, UserObjectPermission

        from certmate.access.models import ApiToken, ServiceAccount, Team
        from certmate.audit.services import register
        from certmate.celery import app
        from certmate.core.events import happened

        app.set_default()
        happened.connect(_record, dispatch_uid="certmate.audit")
        register(User, exclude=("password", "last_login"))
        register(Group)
        register(ApiToken, exclude=("digest", "last_used_at"))
        register(ServiceAccount)
        register(Team)
        register(UserObjectPermission)
        register(GroupObjectPermission)
        register(PeriodicTask, exclude=("last_run_at", "total_run_count", "date_changed"))
        register(IntervalSchedule)
        register(CrontabSchedule)


def _record(instance: models.Model, event: str, details: dict[str, Any], **_: object) -> None:
    from certmate.audit.services import record

    record(instance, event, **details)
