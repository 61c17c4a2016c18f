"""Calls of the API as a script makes them: JSON, a bearer token, no cookie."""

import json
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from tests.cast import token_for
from tests.openapi import conforming

Answer = Any
"""Django's response of a test client, which its stubs do not export under one name."""


class Caller:
    """One client of the API, which holds every answer against the API's own schema.

    Without a user it is anonymous.
    """

    def __init__(self, user: User | None = None, *scopes: str) -> None:
        headers = {}
        if user is not None:
            headers["Authorization"] = f"Bearer {token_for(user, *(scopes or ('admin',)))}"
        self.client = Client(headers=headers, raise_request_exception=False)

    def get(self, path: str, **headers: str) -> Answer:
        return conforming("GET", path, self.client.get(path, headers=headers))

    def post(self, path: str, **body: Any) -> Answer:
        return self.send("POST", path, body)

    def put(self, path: str, **body: Any) -> Answer:
        return self.send("PUT", path, body)

    def patch(self, path: str, **body: Any) -> Answer:
        return self.send("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        return conforming("DELETE", path, self.client.delete(path))

    def send(
        self, method: str, path: str, body: Any, content_type: str = "application/json"
    ) -> Answer:
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        answer = self.client.generic(method, path, data, content_type=content_type)
        return conforming(method, path, answer)


def problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """The problem document, after a look at its form (RFC 9457 §3)."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["code"] == code, document
    assert document["type"] == f"urn:certmate:error:{code}"
    assert document["title"]
    return document
