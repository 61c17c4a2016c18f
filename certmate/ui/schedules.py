"""What runs by itself, and how often. The tasks are CertMate's: turned off, but not removed."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from certmate.core import clock
from certmate.ui import instants
from certmate.ui.badges import Badge
from certmate.ui.base import PolicyAdmin

admin.site.unregister(
    [ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule]
)


class PeriodicTaskForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = PeriodicTask
        fields: ClassVar[tuple[str, ...]] = ("enabled", "interval", "crontab")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if bool(data.get("interval")) == bool(data.get("crontab")):
            raise forms.ValidationError("Choose an interval or a crontab, one of them.")
        return data


@admin.register(PeriodicTask)
class PeriodicTaskPage(PolicyAdmin[Any]):
    nav_group, nav_order = "Schedules", 1
    form = PeriodicTaskForm

    list_display = ("name", "every", "status", "last_run", "total_run_count")
    list_select_related = ("interval", "crontab", "solar", "clocked")
    list_filter = ("enabled",)
    ordering = ("name",)
    fields = ("name", "description", "enabled", "interval", "crontab", "last_run_at")
    readonly_fields = ("name", "description", "last_run_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="When")
    def every(self, task: Any) -> str:
        return str(task.scheduler)

    @admin.display(description="State")
    def status(self, task: Any) -> Badge:
        return Badge("On", "good") if task.enabled else Badge("Off", "warn")

    @admin.display(description="Last run", ordering="last_run_at")
    def last_run(self, task: Any) -> SafeString:
        return instants.relative(task.last_run_at, clock.now())


@admin.register(IntervalSchedule)
class IntervalPage(PolicyAdmin[Any]):
    nav_group, nav_order = "Schedules", 2
    list_display = ("__str__",)


@admin.register(CrontabSchedule)
class CrontabPage(PolicyAdmin[Any]):
    nav_group, nav_order = "Schedules", 3
    list_display = ("__str__", "human_readable")
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
