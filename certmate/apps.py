"""The project as an application: what has to know several parts of the kernel at once."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "certmate"
    verbose_name = "CertMate"

    def ready(self) -> None:
        from django.contrib.auth.models import Group, User

        from certmate.access.models import ApiToken
        from certmate.audit.services import register
        from certmate.celery import app

        app.set_default()
        register(User, exclude=("password", "last_login"))
        register(Group)
        register(ApiToken, exclude=("digest", "last_used_at"))
