"""Configured objects that are addressed by name: listed, made, read, changed, deleted."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.core.errors import InvalidRequest
from certmate.rest.serializers import Input, Output
from certmate.rest.views import Endpoint, Operation


def collection(
    noun: str, representation: type[Output], request: type[Input], *, may_wait: bool = False
) -> dict[str, Operation]:
    """The operations of a list that can be added to; `noun` is singular."""
    return {
        "GET": Operation(f"list_{noun}s", {200: representation(many=True)}),
        "POST": Operation(f"create_{noun}", {201: representation}, request, may_wait=may_wait),
    }


def single(
    noun: str, representation: type[Output], request: type[Input], *, may_wait: bool = False
) -> dict[str, Operation]:
    """The operations of one object."""
    shown = {200: representation}
    return {
        "GET": Operation(f"get_{noun}", shown),
        "PUT": Operation(f"replace_{noun}", shown, request, may_wait=may_wait),
        "PATCH": Operation(f"update_{noun}", shown, request, may_wait=may_wait),
        "DELETE": Operation(f"delete_{noun}", {204: None}, may_wait=may_wait),
    }


class NamedCollection(Endpoint):
    """The list of all objects of a kind."""

    representation: ClassVar[type[Output]]
    orderings: ClassVar[Mapping[str, str]] = {"name": "name"}
    search_fields = ("name",)

    def get(self, request: Request) -> Response:
        """One page, by name."""
        return self.page(self.visible(self.get_queryset()), self._output())

    def post(self, request: Request) -> Response:
        """Make one. Secrets are kept encrypted and never given back."""
        policy.require_possible(self.actor, Verb.REQUEST, self.get_queryset().model)
        row = self.create(self.input(request))
        location = f"{request.build_absolute_uri(request.path)}/{quote(row.name)}"
        return Response(self._output().represent(row), 201, headers={"Location": location})

    def create(self, values: dict[str, Any]) -> Any:
        """Call the service."""
        raise NotImplementedError

    def _output(self) -> Output:
        return self.representation(context=self.get_serializer_context())


class NamedObject(Endpoint):
    """One object. `fixed` fields may be sent, but only as they are."""

    representation: ClassVar[type[Output]]
    fixed: ClassVar[tuple[str, ...]] = ("name",)

    def get(self, request: Request, name: str) -> Response:
        """The object; a stored secret shows as ********."""
        return self._shown(self.find(self.get_queryset(), name=name))

    def put(self, request: Request, name: str) -> Response:
        """Replace it. A secret that is left out, or sent as ********, stays."""
        return self._change(request, name, partial=False)

    def patch(self, request: Request, name: str) -> Response:
        """Change what is given. A secret sent as ******** stays."""
        return self._change(request, name, partial=True)

    def delete(self, request: Request, name: str) -> Response:
        """Forget it; a conflict while anything uses it."""
        self.remove(self.find(self.get_queryset(), Verb.DELETE, name=name))
        return Response(status=204)

    def update(self, row: Any, values: dict[str, Any]) -> Any:
        """Call the service."""
        raise NotImplementedError

    def remove(self, row: Any) -> None:
        """Call the service."""
        raise NotImplementedError

    def _change(self, request: Request, name: str, *, partial: bool) -> Response:
        row = self.find(self.get_queryset(), Verb.CHANGE, name=name)
        values = self.input(request, partial=partial)
        for field in self.fixed:
            if values.pop(field, getattr(row, field)) != getattr(row, field):
                raise InvalidRequest(
                    "This cannot be changed. Make a new one.", code="request.fixed", field=field
                )
        return self._shown(self.update(row, values))

    def _shown(self, row: Any) -> Response:
        shown = self.representation(context=self.get_serializer_context())
        return Response(shown.represent(row))
