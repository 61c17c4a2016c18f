"""The surface, walked: every operation of the API's schema, every address of the resolver.

Nothing here is a list that somebody has to keep: what is new is found, and fails until the tables
say who may use it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import get_converters

from tests.openapi import schema


@dataclass(frozen=True)
class Operation:
    """A call of the API."""

    id: str
    method: str
    path: str
    body: dict[str, Any]
    parameters: tuple[dict[str, Any], ...]

    def url(self, values: dict[str, Any]) -> str:
        """The address, with the values of the variables in it."""
        return self.path.format(**values)


@cache
def operations() -> dict[str, Operation]:
    """The operations by their id."""
    found = {}
    for path, methods in schema()["paths"].items():
        for method, operation in methods.items():
            one = Operation(
                id=operation["operationId"],
                method=method.upper(),
                path=path,
                body=_body(operation),
                parameters=tuple(operation.get("parameters", ())),
            )
            found[one.id] = one
    return found


def _body(operation: dict[str, Any]) -> dict[str, Any]:
    """The properties of the request's body."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    ref = content.get("schema", {}).get("$ref", "")
    declared = schema()["components"]["schemas"].get(ref.rpartition("/")[2], {})
    properties: dict[str, Any] = declared.get("properties", {})
    return properties


@dataclass(frozen=True)
class Address:
    """A pattern of the resolver: `route` with its variables as `{name}`."""

    name: str
    route: str

    @property
    def variables(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.route)

    @property
    def is_admin(self) -> bool:
        return self.route.startswith("/admin/")

    def url(self, values: dict[str, Any]) -> str:
        return self.route.format(**values)


@cache
def addresses() -> tuple[Address, ...]:
    """Every pattern that leads to a view."""
    return tuple(_walk(get_resolver().url_patterns, "/", ()))


def _walk(patterns: Any, prefix: str, namespaces: tuple[str, ...]) -> Iterator[Address]:
    for pattern in patterns:
        route = prefix + _plain(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from _walk(pattern.url_patterns, route, inner)
        elif isinstance(pattern, URLPattern):
            yield Address(":".join((*namespaces, pattern.name or "")), route)


def _plain(route: str) -> str:
    """`<path:object_id>/` and `^(?P<url>.*)$` as `{object_id}/` and `{url}`."""
    kinds = "|".join(get_converters())
    route = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", route)
    route = re.sub(rf"<(?:(?:{kinds}):)?(\w+)>", r"{\1}", route)
    return route.removeprefix("^").removesuffix("$").removesuffix("\\Z")


def actions() -> list[str]:
    """Every action of a list of the admin, as `certificates_certificate:renew_selected`."""
    return [
        f"{model._meta.app_label}_{model._meta.model_name}:{action}"
        for model, page in admin.site._registry.items()
        for action in page.actions or ()
    ]
