"""The project as an application: what has to know several parts of the kernel at once."""

from contextlib import AbstractContextManager
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

        from certmate.access.models import ApiToken, ApprovalRule, ServiceAccount, Team
        from certmate.audit.services import CONFIGURATION, register
        from certmate.celery import app
        from certmate.core.events import happened, listen_on_behalf

        app.set_default()
        happened.connect(_record, dispatch_uid="certmate.audit")
        listen_on_behalf(_on_behalf)
        register(User, exclude=("password", "last_login"))
        register(Group)
        register(ApiToken, exclude=("digest", "last_used_at"))
        register(ApprovalRule, noun="approval_rule")
        register(ServiceAccount)
        register(Team)
        register(UserObjectPermission, noun="grant")
        register(GroupObjectPermission, noun="grant")
        register(
            PeriodicTask,
            exclude=("last_run_at", "total_run_count", "date_changed"),
            noun=CONFIGURATION,
        )
        register(IntervalSchedule, noun=CONFIGURATION)
        register(CrontabSchedule, noun=CONFIGURATION)


def _record(instance: models.Model, event: str, details: dict[str, Any], **_: object) -> None:
    from certmate.audit.services import record

    record(instance, event, **details)


def _on_behalf(user: Any, token: Any, request_id: str) -> AbstractContextManager[None]:
    from certmate.audit.context import Context, running

    return running(Context(request_id=request_id, user=user, token=token))
