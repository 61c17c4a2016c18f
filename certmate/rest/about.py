"""What the API says of itself and of the caller: /api/me, its schema, its documentation."""

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseBase
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access.models import ApiToken
from certmate.rest.fields import instant
from certmate.rest.serializers import Output
from certmate.rest.views import Endpoint, Operation, query


class TokenOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    hint = serializers.CharField(help_text="How the token starts.")
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "TokenOfCaller"


class MeOutput(Output):
    username = serializers.CharField()
    email = serializers.CharField()
    is_superuser = serializers.BooleanField()
    permissions = serializers.ListField(
        child=serializers.CharField(),
        help_text="On all objects of a kind; grants on single ones add to these.",
    )
    token = TokenOutput(allow_null=True, help_text="null when signed in by session.")

    class Meta:
        ref_name = "Me"

    def represent(self, instance: Request) -> dict[str, Any]:
        user: Any = instance.user
        token = instance.auth
        return {
            "username": user.username,
            "email": user.email,
            "is_superuser": user.is_superuser,
            "permissions": sorted(user.get_all_permissions()),
            "token": _token(token) if isinstance(token, ApiToken) else None,
        }


def _token(token: ApiToken) -> dict[str, Any]:
    return {
        "name": token.name,
        "hint": token.hint,
        "scopes": token.scopes,
        "expires_at": instant(token.expires_at),
    }


class Me(Endpoint):
    tag = "about"
    operations = {"GET": Operation("get_me", {200: MeOutput})}

    def get(self, request: Request) -> Response:
        """Who the caller is and what it may do."""
        return Response(MeOutput().represent(request))


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
