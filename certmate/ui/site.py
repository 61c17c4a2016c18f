"""The admin site: CertMate's name on it, and its pages grouped by job instead of by Django app."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.template.response import TemplateResponse

GROUPS = ("Certificates", "Accounts", "Storage", "Access", "Audit", "Schedules")
"""The jobs in the order of the navigation; a page names its own in `nav_group`."""


class CertMateSite(admin.AdminSite):
    """Django's site without its sidebar script, and without deletion of whatever is ticked."""

    site_header = "CertMate"
    site_title = "CertMate"
    index_title = "Overview"
    site_url = None
    enable_nav_sidebar = False
    empty_value_display = "\N{EN DASH}"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        # Django's bulk deletion asks no service; what may be deleted has a page that does.
        self.disable_action("delete_selected")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """One entry a job, in the shape of Django's one entry an app."""
        groups: dict[str, list[Any]] = {}
        for app in super().get_app_list(request, app_label):
            for page in app["models"]:
                own = self._registry[page["model"]]
                group = getattr(own, "nav_group", "") or app["name"]
                page["name"] = getattr(own, "nav_label", "") or page["name"]
                groups.setdefault(group, []).append(page)
        return [_entry(group, self._sorted(groups[group])) for group in _ordered(list(groups))]

    def _sorted(self, pages: list[Any]) -> list[Any]:
        return sorted(
            pages, key=lambda page: getattr(self._registry[page["model"]], "nav_order", 9)
        )

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        # Late: the site is made before the models are.
        from certmate.ui import panels

        context = {"answers": panels.answers(request), "hints": panels.hints(request)}
        return super().index(request, {**context, **(extra_context or {})})


class CertMateAdminConfig(AdminConfig):
    default_site = "certmate.ui.site.CertMateSite"


def _ordered(groups: list[str]) -> Sequence[str]:
    known = [group for group in GROUPS if group in groups]
    return [*known, *sorted(set(groups) - set(known))]


def _entry(group: str, pages: list[Any]) -> dict[str, Any]:
    return {
        "name": group,
        "app_label": group.lower(),
        "app_url": "",
        "has_module_perms": True,
        "models": pages,
    }
