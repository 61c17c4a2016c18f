"""The project as an application: what has to know several parts of the kernel at once."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "certmate"
    verbose_name = "CertMate"

    def ready(self) -> None:
        from django.contrib.auth.models import Group, User
        from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
        from guardian.models import GroupObjectPermission, UserObjectPermission

        from certmate.access.models import ApiToken
        from certmate.audit.services import register
        from certmate.celery import app

        app.set_default()
        register(User, exclude=("password", "last_login"))
        register(Group)
        register(ApiToken, exclude=("digest", "last_used_at"))
        register(UserObjectPermission)
        register(GroupObjectPermission)
        register(PeriodicTask, exclude=("last_run_at", "total_run_count", "date_changed"))
        register(IntervalSchedule)
        register(CrontabSchedule)
