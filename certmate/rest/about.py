"""What the API says of itself: its schema and its documentation."""

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseBase
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.rest.views import Operation, query


class Schema(SpectacularAPIView):
    """This document, as JSON; as YAML with ?format=yaml or by Accept."""

    renderer_classes = [OpenApiJsonRenderer, OpenApiYamlRenderer]
    content_negotiation_class = DefaultContentNegotiation
    tag = "about"
    operations = {
        "GET": Operation(
            "get_schema",
            {200: OpenApiTypes.OBJECT},
            parameters=(
                query("format", "Of the document.", enum=("json", "yaml"), default="json"),
            ),
        )
    }

    @extend_schema()  # Takes away what the base class says of itself.
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return response


class Docs(SpectacularSwaggerSplitView):
    """Swagger UI without inline scripts or styles, so that the site's CSP holds here too."""

    template_name = "rest/docs.html"
    content_negotiation_class = DefaultContentNegotiation

    def handle_exception(self, exc: Exception) -> Any:
        # A person looks at this page: lead to the sign-in form, not to a problem document.
        if isinstance(exc, NotAuthenticated):
            response: HttpResponseBase = redirect_to_login(self.request.get_full_path())
            return response
        return super().handle_exception(exc)
