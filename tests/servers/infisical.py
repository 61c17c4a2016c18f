"""A stand-in of Infisical's API, for the calls of its real SDK, after its public REST reference.

It enforces what a backend can break: folders that have to be there, names of folders and secrets,
values that it trims, expiry of tokens, and approval policies.
"""

import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.standin import Reply, Request, serving

CLIENT_ID = "infisical-client"
CLIENT_SECRET = "infisical-client-secret-for-tests"
PROJECT = "8a9b7c6d-0000-4000-8000-00000000aaaa"
ENVIRONMENT = "prod"
_FOLDER = re.compile(r"[A-Za-z0-9_-]+")
_NOW = "2026-11-01T00:00:00.000Z"


@dataclass
class Infisical:
    """The state: folders, and the values of secrets by path and name."""

    address: str = ""
    folders: set[str] = field(default_factory=lambda: {"/"})
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    logins: int = 0
    denied: set[str] = field(default_factory=set)
    needs_approval: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def parameters(self) -> dict[str, str]:
        return {
            "site_url": self.address,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "project_id": PROJECT,
        }

    def answer(self, request: Request) -> Reply:
        parts = urlsplit(request.target)
        with self.lock:
            if parts.path == "/api/v1/auth/universal-auth/login":
                return self._login(request.json())
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                return Reply(401, {"message": "Token missing or expired"})
            if request.method in self.denied:
                return Reply(403, {"message": "You are not allowed to do that"})
            if parts.path == "/api/v2/folders":
                return self._make_folder(request.json())
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            given = query if request.method == "GET" else request.json()
            if (given.get("workspaceId"), given.get("environment")) != (PROJECT, ENVIRONMENT):
                return Reply(404, {"message": "Project or environment not found"})
            name = unquote(parts.path.removeprefix("/api/v3/secrets/raw").lstrip("/"))
            return self._secret(request.method, name, given)

    def _login(self, body: dict[str, str]) -> Reply:
        if (body.get("clientId"), body.get("clientSecret")) != (CLIENT_ID, CLIENT_SECRET):
            return Reply(401, {"message": "Invalid credentials"})
        token = secrets.token_hex(16)
        self.tokens.add(token)
        self.logins += 1
        said = {"accessToken": token, "expiresIn": 7200, "accessTokenMaxTTL": 7200}
        return Reply(200, said | {"tokenType": "Bearer"})

    def _make_folder(self, body: dict[str, str]) -> Reply:
        parent = body["path"].rstrip("/")
        path = f"{parent}/{body['name']}"
        if (parent or "/") not in self.folders:
            return Reply(404, {"message": "Parent folder not found"})
        if not _FOLDER.fullmatch(body["name"]) or path in self.folders:
            return Reply(400, {"message": "Folder exists, or this is no name for one"})
        self.folders.add(path)
        told = {"id": "f", "name": body["name"], "createdAt": _NOW, "updatedAt": _NOW}
        return Reply(200, {"folder": told | {"envId": "e", "path": path}})

    def _secret(self, method: str, name: str, given: dict[str, Any]) -> Reply:
        path = given["secretPath"]
        if path not in self.folders:
            return Reply(404, {"message": f"Folder with path '{path}' not found"})
        if not name:
            keys = [key for folder, key in sorted(self.values) if folder == path]
            hidden = given.get("viewSecretValue") == "false"
            return Reply(200, {"secrets": [self._shown(path, k, hidden=hidden) for k in keys]})
        if refusal := self._refusal(method, path, name):
            return refusal
        if method in ("POST", "PATCH"):
            self.values[path, name] = _trimmed(given["secretValue"])
        shown = self._shown(path, name, hidden=False)
        if method == "DELETE":
            del self.values[path, name]
        return Reply(200, {"secret": shown})

    def _refusal(self, method: str, path: str, name: str) -> Reply | None:
        is_there = (path, name) in self.values
        if ":" in name or "/" in name or len(name) > 500:
            return Reply(400, {"message": "Secret name cannot contain these characters"})
        if method == "POST" and is_there:
            return Reply(400, {"message": "Secret already exist"})
        if method != "POST" and not is_there:
            return Reply(404, {"message": f"Secret with name '{name}' not found"})
        if method != "GET" and self.needs_approval:
            return Reply(200, {"approval": {"id": "a", "status": "open"}})
        return None

    def _shown(self, path: str, name: str, *, hidden: bool) -> dict[str, Any]:
        return {
            "id": "s",
            "_id": "s",
            "workspace": PROJECT,
            "environment": ENVIRONMENT,
            "version": 1,
            "type": "shared",
            "secretKey": name,
            "secretValue": "<hidden-by-infisical>" if hidden else self.values[path, name],
            "secretComment": "",
            "createdAt": _NOW,
            "updatedAt": _NOW,
            "secretPath": path,
        }


def _trimmed(value: str) -> str:
    return value.strip() + ("\n" if value.endswith("\n") else "")


@contextmanager
def infisical() -> Iterator[Infisical]:
    """The stand-in on a free loopback port."""
    state = Infisical()
    with serving(state.answer) as address:
        state.address = address
        yield state
