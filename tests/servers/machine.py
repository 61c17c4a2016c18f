"""Where a machine in a cloud gets its own credentials, on loopback, as AWS and Azure describe it.

AWS: the endpoint of containers, and the instance metadata service of version 2. Azure: the endpoint
of App Service, and the instance metadata service.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.moto_aws import ACCESS_KEY, SECRET_KEY
from tests.servers.standin import Reply, Request, serving

IDENTITY_HEADER = "identity-header-for-tests"
CONTAINER_TOKEN = "container-token-for-tests"
ROLE = "certmate-role"
_VAULTS = "https://vault.azure.net"
_ROLES = "/latest/meta-data/iam/security-credentials/"


@dataclass
class Machine:
    """It has the role with `session`, or none; its identities of Azure have these client ids, ""
    being its own, and get what `token` makes.
    """

    address: str = ""
    session: str = ""
    lifetime: timedelta = timedelta(hours=6)
    token: Callable[[], str] = secrets.token_hex
    identities: set[str] = field(default_factory=set)
    metadata_tokens: set[str] = field(default_factory=set)

    def container(self) -> dict[str, str]:
        """The environment of a container of AWS that has the role."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.address}/role",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER_TOKEN,
        }

    def instance(self) -> dict[str, str]:
        """The same of an instance, which finds its metadata service here."""
        return {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.address,
            "AWS_EC2_METADATA_V1_DISABLED": "true",
        }

    def app_service(self) -> dict[str, str]:
        return {
            "IDENTITY_ENDPOINT": f"{self.address}/msi/token",
            "IDENTITY_HEADER": IDENTITY_HEADER,
        }

    def virtual_machine(self) -> dict[str, str]:
        return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.address}

    def answer(self, request: Request) -> Reply:
        parts = urlsplit(request.target)
        given = {name.lower(): value for name, value in request.headers.items()}
        if parts.path == "/role":
            return self._role(is_allowed=given.get("authorization") == CONTAINER_TOKEN)
        if parts.path.startswith("/latest/"):
            return self._aws_metadata(request.method, parts.path, given)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/msi/token":
            return self._identity(
                query, is_allowed=given.get("x-identity-header") == IDENTITY_HEADER
            )
        if parts.path == "/metadata/identity/oauth2/token":
            return self._identity(query, is_allowed=given.get("metadata") == "true")
        return Reply(404)

    def _aws_metadata(self, method: str, path: str, given: dict[str, str]) -> Reply:
        if (method, path) == ("PUT", "/latest/api/token"):
            if not given.get("x-aws-ec2-metadata-token-ttl-seconds", "").isdigit():
                return Reply(400)
            token = secrets.token_hex(16)
            self.metadata_tokens.add(token)
            return Reply(200, token.encode())
        if given.get("x-aws-ec2-metadata-token") not in self.metadata_tokens:
            return Reply(401)
        if path == _ROLES and self.session:
            return Reply(200, ROLE.encode())
        if path == f"{_ROLES}{ROLE}":
            return self._role(is_allowed=True)
        return Reply(404)

    def _role(self, *, is_allowed: bool) -> Reply:
        if not is_allowed or not self.session:
            return Reply(403 if self.session else 404)
        expires = datetime.now(UTC) + self.lifetime
        told: dict[str, Any] = {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "AccessKeyId": ACCESS_KEY,
            "SecretAccessKey": SECRET_KEY,
            "Token": self.session,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return Reply(200, told)

    def _identity(self, query: dict[str, str], *, is_allowed: bool) -> Reply:
        if not is_allowed:
            return Reply(401, {"error": "unauthorized_client"})
        if query.get("client_id", "") not in self.identities or query["resource"] != _VAULTS:
            return Reply(400, {"error": "invalid_request", "error_description": "Not found"})
        expires = datetime.now(UTC) + self.lifetime
        told = {
            "access_token": self.token(),
            "expires_in": str(int(self.lifetime.total_seconds())),
            "expires_on": str(int(expires.timestamp())),
            "resource": _VAULTS,
            "token_type": "Bearer",
        }
        return Reply(200, told)


@contextmanager
def machine() -> Iterator[Machine]:
    """The endpoints on a free loopback port."""
    state = Machine()
    with serving(state.answer) as address:
        state.address = address
        yield state
