"""The admin site: CertMate's name on it, and its pages grouped by job instead of by Django app."""

from collections.abc import Sequence
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache

GROUPS = (
    *("Certificates", "Clients", "Private CA"),
    *("Accounts", "Storage", "Access", "Audit", "Schedules"),
)
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

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """A page whose change waits for approval leads to the request for it."""

        @wraps(view)
        def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            from certmate.access.services.approvals import ApprovalNeeded

            try:
                return view(request, *args, **kwargs)
            except ApprovalNeeded as needed:
                messages.warning(request, needed.detail)
                page = reverse("admin:access_approval_change", args=[needed.approval.pk])
                return HttpResponseRedirect(page)

        return super().admin_view(shown, cacheable)

    @method_decorator(never_cache)
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The one page where everybody signs in; who is signed in already is told what it is."""
        from certmate.signin.views import no_access

        if request.user.is_authenticated and not self.has_permission(request):
            return no_access(request)
        wanted = request.GET.get(REDIRECT_FIELD_NAME, reverse("admin:index"))
        query = urlencode({REDIRECT_FIELD_NAME: wanted})
        return HttpResponseRedirect(f"{reverse('account_login')}?{query}")

    def logout(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from certmate.signin.views import sign_out

        return sign_out(request)

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Django's page with a form that counts guesses of the old password."""
        from django.contrib.auth.views import PasswordChangeView

        from certmate.signin.forms import OwnPasswordForm

        request.current_app = self.name
        return PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )(request)


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
