"""A stand-in of Azure Key Vault and of the sign-in before it, as their REST references describe.

It enforces the rules that a backend can break: names, sizes, the challenge before each sign-in,
expiry of tokens, soft delete with recovery and purge, versions, pages of 25, and certificates with
the secrets that Azure manages beside them.
"""

import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.authority import ServerIdentity, server_identity
from tests.servers.azure_certificates import Certificates, error, is_name
from tests.servers.standin import Reply, Request, serving

AZURE_NAME = "certmate-tests.vault.azure.net"
"""As a vault of Azure's own it would be called so."""

TENANT = "0b6b3a3c-6f0e-4f7c-9d6c-3a1f0f0e9a11"
CLIENT_ID = "5f6f0f5e-54a7-4b0f-8d9c-2d8f6f7b1a22"
CLIENT_SECRET = "azure-client-secret-for-tests"
_MAX_BYTES = 25_600
_PAGE = 25


@dataclass
class KeyVault:
    """The state: secrets by lower-case name, each a list of versions, and the deleted ones."""

    address: str = ""
    identity: ServerIdentity | None = None
    secrets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    deleted: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    recovery_level: str = "Recoverable+Purgeable"
    lifetime: int = 3600
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.certificates = Certificates(self)

    def clear(self) -> None:
        """As it was at the start."""
        with self.lock:
            for state in (self.secrets, self.deleted, self.denied):
                state.clear()
            self.certificates = Certificates(self)
            self.recovery_level, self.lifetime = "Recoverable+Purgeable", 3600

    @property
    def parameters(self) -> dict[str, str]:
        return {
            "vault_url": self.address,
            "login_url": self.address,
            "tenant_id": TENANT,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "ca_bundle": self.identity.root_pem if self.identity else "",
        }

    def put(self, name: str, body: dict[str, Any]) -> None:
        """A secret that another program has written."""
        with self.lock:
            assert self._set(name.lower(), name, body).status == 200

    def answer(self, request: Request) -> Reply:
        parts = urlsplit(request.target)
        path, query = parts.path.strip("/").split("/"), parse_qs(parts.query)
        with self.lock:
            if path[0] == TENANT:
                return self._sign_in(path, request)
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                return self._challenge()
            if path[0].endswith("certificates"):
                return self.certificates.answer(request.method, path, request.json())
            return self._vault(request, path, query)

    def _challenge(self) -> Reply:
        challenge = f'Bearer authorization="{self.address}/{TENANT}"'
        challenge += ', resource="https://vault.azure.net"'
        return Reply(401, error("Unauthorized"), {"WWW-Authenticate": challenge})

    def _sign_in(self, path: list[str], request: Request) -> Reply:
        base = f"{self.address}/{TENANT}"
        if path[-1] == "openid-configuration":
            return Reply(
                200,
                {
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                },
            )
        form = parse_qs(request.body.decode())
        given = (form.get("client_id"), form.get("client_secret"))
        if given != ([CLIENT_ID], [CLIENT_SECRET]):
            said = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid."}
            return Reply(401, said)
        token = secrets.token_hex(16)
        self.tokens.add(token)
        return Reply(
            200, {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token}
        )

    def _vault(self, request: Request, path: list[str], query: dict[str, list[str]]) -> Reply:
        area, name = path[0], path[1].lower() if len(path) > 1 else ""
        action = _action(request.method, path)
        if action in self.denied:
            return Reply(403, error("Forbidden"))
        if not name:
            return self._page(area, query)
        found = (self.secrets if area == "secrets" else self.deleted).get(name)
        if refusal := self._refusal(name, action, found):
            return refusal
        if action == "set":
            return self._set(name, path[1], request.json())
        reply: Reply = getattr(self, f"_{action}")(name, found, path)
        return reply

    def _refusal(self, name: str, action: str, found: list[dict[str, Any]] | None) -> Reply | None:
        if not is_name(name):
            return Reply(400, error("BadParameter"))
        if action not in ("get", "get_deleted") and name in self.certificates.names:
            return Reply(403, error("Forbidden"))
        if action != "set" and found is None:
            return Reply(404, error("SecretNotFound"))
        return None

    def _set(self, name: str, shown: str, body: dict[str, Any]) -> Reply:
        if name in self.deleted:
            return Reply(409, error("Conflict"))
        if len(body["value"].encode()) > _MAX_BYTES:
            return Reply(400, error("BadParameter"))
        if any(len(v) > 256 for v in body.get("tags", {}).values()) or len(body["tags"]) > 15:
            return Reply(400, error("BadParameter"))
        version = secrets.token_hex(16)
        made = {
            "id": f"{self.address}/secrets/{shown}/{version}",
            "value": body["value"],
            "tags": body.get("tags", {}),
            "contentType": body.get("contentType"),
            "attributes": {
                "enabled": True,
                "created": int(time.time()),
                "recoveryLevel": self.recovery_level,
            },
        }
        self.secrets.setdefault(name, []).append(made)
        return Reply(200, made)

    def _get(self, name: str, found: list[dict[str, Any]], path: list[str]) -> Reply:
        wanted = path[2] if len(path) > 2 else ""
        for version in reversed(found):
            if not wanted or version["id"].endswith(wanted):
                return Reply(200, version)
        return Reply(404, error("SecretNotFound"))

    def _delete(self, name: str, found: list[dict[str, Any]], path: list[str]) -> Reply:
        self.deleted[name] = self.secrets.pop(name)
        return Reply(200, self._deleted(name))

    def _get_deleted(self, name: str, found: list[dict[str, Any]], path: list[str]) -> Reply:
        return Reply(200, self._deleted(name))

    def _purge(self, name: str, found: list[dict[str, Any]], path: list[str]) -> Reply:
        if "Purgeable" not in self.recovery_level:
            return Reply(403, error("Forbidden"))
        del self.deleted[name]
        return Reply(204)

    def _recover(self, name: str, found: list[dict[str, Any]], path: list[str]) -> Reply:
        self.secrets[name] = self.deleted.pop(name)
        return Reply(200, _listed(self.secrets[name][-1]))

    def _deleted(self, name: str) -> dict[str, Any]:
        told = {"recoveryId": f"{self.address}/deletedsecrets/{name}", "deletedDate": 1}
        return _listed(self.deleted[name][-1]) | told

    def _page(self, area: str, query: dict[str, list[str]]) -> Reply:
        names = sorted(self.secrets if area == "secrets" else self.deleted)
        start = int(query.get("$skiptoken", ["0"])[0])
        page = [_listed(self.secrets[name][-1]) for name in names[start : start + _PAGE]]
        following = start + _PAGE
        link = f"{self.address}/secrets?api-version=x&$skiptoken={following}"
        return Reply(200, {"value": page, "nextLink": link if following < len(names) else None})


def _action(method: str, path: list[str]) -> str:
    """The permission, as an access policy names it, that a call takes."""
    if len(path) < 2:
        return "list"
    if path[0] == "deletedsecrets":
        kinds = {"GET": "get_deleted", "DELETE": "purge", "POST": "recover"}
        return kinds[method]
    return {"GET": "get", "PUT": "set", "DELETE": "delete"}[method]


def _listed(version: dict[str, Any]) -> dict[str, Any]:
    shown = {k: v for k, v in version.items() if k != "value"}
    return shown | {"id": version["id"].rsplit("/", 1)[0]}


@contextmanager
def key_vault() -> Iterator[KeyVault]:
    """The stand-in on a free loopback port."""
    state = KeyVault()
    with tempfile.TemporaryDirectory(prefix="kv-") as folder:
        identity = server_identity(Path(folder), AZURE_NAME)
        with serving(state.answer, identity) as address:
            state.address, state.identity = address, identity
            yield state
