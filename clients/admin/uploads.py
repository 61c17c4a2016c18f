"""Add pages whose form takes files."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

from certmate.ui.base import M
from certmate.ui.forms import ServiceForm
from certmate.ui.objects import ServiceAdmin


class UploadAdmin(ServiceAdmin[M]):
    """A `ServiceAdmin` whose add form has fields for files."""

    upload_template = "certmate/upload.html"

    def add_form(self, request: HttpRequest, data: Any) -> ServiceForm:
        return self.filled(self.add_form_class, request, data)

    def filled(
        self, form_class: type[ServiceForm] | None, request: HttpRequest, data: Any, **options: Any
    ) -> ServiceForm:
        """The form with what was sent, files included."""
        assert form_class is not None  # noqa: S101 - has_add_permission has said so.
        files = None if data is None else request.FILES
        return form_class(data, files, actor=self.actor(request), **options)

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        is_add = template == "certmate/add.html"
        return super().page(request, self.upload_template if is_add else template, **context)
