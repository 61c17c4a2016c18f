"""Answers held against the API's own schema: what it does not say must not happen."""

import re
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

# What any address may answer, whatever the call.
EVERYWHERE = {405, 500}


@cache
def schema() -> dict[str, Any]:
    """The OpenAPI document of the whole API."""
    made: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return made


def conforming(method: str, url: str, answer: Any) -> Any:
    """The answer, after it was found to be what the schema promises for this call."""
    operation = _operation(method, unquote(urlsplit(url).path))
    if operation is None or answer.status_code in EVERYWHERE:
        return answer
    promised = operation["responses"].get(str(answer.status_code))
    assert promised is not None, (
        f"{method} {url} answered {answer.status_code}: {answer.content[:300]!r}"
    )
    content = promised.get("content", {})
    media_type = answer.headers.get("Content-Type", "").partition(";")[0]
    assert (media_type in content) if content else not answer.content
    if media_type.endswith("json") and "openapi" not in media_type:
        wanted = {
            **_strict(content[media_type]["schema"]),
            "components": _components(),
        }
        Draft202012Validator(wanted).validate(answer.json())
    return answer


def _operation(method: str, path: str) -> dict[str, Any] | None:
    # Literal segments count before variables, as in Django's own order of patterns.
    for template, methods in sorted(schema()["paths"].items(), key=lambda item: item[0].count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in methods:
            found: dict[str, Any] = methods[method.lower()]
            return found
    return None


@cache
def _components() -> dict[str, Any]:
    found: dict[str, Any] = _strict(schema()["components"])
    return found


def _strict(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema, in which an object has no property that is not declared."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: _strict(value) for name, value in node.items() if name != "nullable"}
    if "properties" in made and made.get("type") == "object":
        made["additionalProperties"] = False
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made
