"""The OpenAPI document, made from the operations that the views declare."""

from typing import Any

from drf_spectacular import openapi
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes

from certmate.rest.access.waiting import WaitingOutput
from certmate.rest.problems import CONTENT_TYPE, TITLES
from certmate.rest.serializers import Nothing, ProblemOutput
from certmate.rest.views import Operation


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "certmate.rest.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API token, cm_…"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "certmate.rest.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "Signed in to the admin; writing needs X-CSRFToken.",
        }


class AutoSchema(openapi.AutoSchema):
    """Describes an Endpoint; what is no Endpoint is described as drf-spectacular does."""

    @property
    def declared(self) -> Operation | None:
        operations = getattr(self.view, "operations", {})
        found: Operation | None = operations.get(self.method)
        return found

    def get_operation_id(self) -> str:
        return self.declared.id if self.declared else super().get_operation_id()

    def get_tags(self) -> list[str]:
        tag: str = getattr(self.view, "tag", "")
        return [tag] if tag else super().get_tags()

    def get_override_parameters(self) -> Any:
        return (
            list(self.declared.parameters) if self.declared else super().get_override_parameters()
        )

    def get_request_serializer(self) -> Any:
        if self.declared is None:
            return super().get_request_serializer()
        request = self.declared.request
        if request is None or request is Nothing:
            return None
        if self.declared.text:
            return {"application/json": request(), self.declared.text: OpenApiTypes.STR}
        return request()

    def get_response_serializers(self) -> Any:
        return (
            dict(self.declared.responses) if self.declared else super().get_response_serializers()
        )

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if self.declared is None or self.declared.is_public:
            return bodies
        if self.declared.may_wait:
            bodies["202"] = self._or_waiting(bodies.get("202", {}), direction)
        problem = self.resolve_serializer(ProblemOutput, direction).ref
        for status in self._problems(self.declared):
            content = {CONTENT_TYPE: {"schema": problem}}
            bodies.setdefault(str(status), {"description": TITLES[status], "content": content})
        return bodies

    def _or_waiting(self, body: dict[str, Any], direction: Any) -> dict[str, Any]:
        """The answer of an operation that may have to wait for approval."""
        waiting = self.resolve_serializer(WaitingOutput, direction).ref
        own = body.get("content", {}).get("application/json", {}).get("schema")
        schema = {"anyOf": [own, waiting]} if own else waiting
        said = "Accepted; with `approval`, it waits for approval"
        return {**body, "description": said, "content": {"application/json": {"schema": schema}}}

    def _problems(self, declared: Operation) -> list[int]:
        """The statuses by which this operation can fail."""
        # Of every call: an unknown query parameter is an error, and the database may be away.
        statuses = [400, 401, 403, 429, 503]
        if "{" in self.path:
            statuses.append(404)
        if self.method != "GET":
            statuses.append(409)
        if declared.request is not None:
            statuses += [413, 415]
        return sorted({*statuses, *declared.fails})
