"""HashiCorp Vault and OpenBao: the KV engine, version 1 or 2, by hvac.

Version 2 keeps old states of a secret by itself, but ten of them only, so that versions are secrets
of their own here too; what it keeps besides goes with them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from certmate.core.errors import InvalidRequest, UpstreamRejected
from certmate.core.parameters import Parameter
from storage.backends.base import Backend, BackendSpec, OwnPlaces
from storage.backends.connections import CA_BUNDLE, CLIENTS, check_endpoint
from storage.backends.documents import Document
from storage.backends.failures import rejected
from storage.backends.shelf import Found, SameShape, ShelfBackend
from storage.backends.spelling import address_of, joined
from storage.backends.vault_session import OvertakenError, VaultSession

_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")


def _wrong_engine(doing: str) -> UpstreamRejected:
    return rejected(doing, "there is no KV engine of this version at the mount")


class VaultShelf(SameShape):
    """Secrets below a path of one mount."""

    limit: int | None = None
    lists_at_once = True

    def __init__(self, signed_in: VaultSession, values: Mapping[str, str]) -> None:
        self._session = signed_in
        self._mount, self._root = values["mount"], values["path"]
        self._is_v2 = values["engine_version"] == "2"
        # Version 1 knows no check-and-set.
        self.creates = self.replaces = self._is_v2

    def read(self, folder: str, name: str) -> Found | None:
        path = self._path(folder, name)
        needs = f"read on {self._policy_path('data', path)}"

        def call(client: Any) -> Any:
            if not self._is_v2:
                return client.secrets.kv.v1.read_secret(path, mount_point=self._mount)
            return client.secrets.kv.v2.read_secret_version(
                path, mount_point=self._mount, raise_on_deleted_version=True
            )

        answer = self._session.run("Reading", needs, call)
        if answer is None:
            return None
        data = answer["data"]
        if not self._is_v2:
            return Found(data)
        if not isinstance(data.get("metadata"), dict):
            raise _wrong_engine("Reading")
        return Found(data["data"], str(data["metadata"]["version"]))

    def create(self, folder: str, name: str, document: Document) -> bool:
        if not self._is_v2:
            if self.read(folder, name) is not None:
                return False
            return self.replace(folder, name, document, "")
        if self._write(folder, name, document, cas=0):
            return True
        # Somebody may have deleted it in the engine's own way, which keeps its number.
        latest = self._latest(folder, name)
        return latest is not None and self._write(folder, name, document, cas=latest)

    def replace(self, folder: str, name: str, document: Document, revision: str) -> bool:
        return self._write(folder, name, document, cas=int(revision) if self._is_v2 else None)

    def remove(self, folder: str, name: str) -> None:
        path = self._path(folder, name)
        area = "metadata" if self._is_v2 else "data"

        def call(client: Any) -> Any:
            if self._is_v2:
                return client.secrets.kv.v2.delete_metadata_and_all_versions(
                    path, mount_point=self._mount
                )
            return client.secrets.kv.v1.delete_secret(path, mount_point=self._mount)

        self._session.run("Deleting", f"delete on {self._policy_path(area, path)}", call)

    def forget(self, folder: str, name: str) -> None:
        if not self._is_v2:
            return
        path = self._path(folder, name)
        metadata = self._metadata(path)
        if metadata is None:
            return
        old = [int(n) for n in metadata["versions"] if int(n) != metadata["current_version"]]
        if old:
            self._session.run(
                "Deleting",
                f"update on {self._mount}/destroy/{path}",
                lambda client: client.secrets.kv.v2.destroy_secret_versions(
                    path, versions=old, mount_point=self._mount
                ),
            )

    def names(self, folder: str) -> Iterator[str]:
        path = self._path(folder)
        needs = f"list on {self._policy_path('metadata', path)}"

        def call(client: Any) -> Any:
            engine = client.secrets.kv.v2 if self._is_v2 else client.secrets.kv.v1
            return engine.list_secrets(path, mount_point=self._mount)

        answer = self._session.run("Listing", needs, call)
        for name in answer["data"]["keys"] if answer is not None else ():
            if not name.endswith("/"):
                yield name

    def _write(self, folder: str, name: str, document: Document, *, cas: int | None) -> bool:
        path = self._path(folder, name)
        needs = f"create and update on {self._policy_path('data', path)}"

        def call(client: Any) -> bool:
            kv = client.secrets.kv
            if not self._is_v2:
                kv.v1.create_or_update_secret(path, document, mount_point=self._mount)
            else:
                kv.v2.create_or_update_secret(path, document, cas=cas, mount_point=self._mount)
            return True

        try:
            if self._session.run("Writing", needs, call) is None:
                raise _wrong_engine("Writing")
        except OvertakenError:
            return False
        return True

    def _latest(self, folder: str, name: str) -> int | None:
        """The number of the latest state if that was deleted; None if it can be read."""
        metadata = self._metadata(self._path(folder, name))
        if metadata is None:
            return 0
        number = int(metadata["current_version"])
        state = metadata["versions"].get(str(number), {})
        gone = not number or state.get("deletion_time") or state.get("destroyed")
        return number if gone else None

    def _metadata(self, path: str) -> Any:
        answer = self._session.run(
            "Reading",
            f"read on {self._policy_path('metadata', path)}",
            lambda client: client.secrets.kv.v2.read_secret_metadata(path, mount_point=self._mount),
        )
        return answer["data"] if answer is not None else None

    def _path(self, *parts: str) -> str:
        return "/".join(filter(None, (self._root, *parts)))

    def _policy_path(self, area: str, path: str) -> str:
        return f"{self._mount}/{area}/{path}" if self._is_v2 else f"{self._mount}/{path}"


_SESSION = (
    *("url", "namespace", "auth", "auth_mount", "token", "role_id", "secret_id", "role"),
    CA_BUNDLE.name,
)
_NEEDED = {"token": ("token",), "approle": ("role_id",), "kubernetes": ("role",)}


def _place(values: Mapping[str, str]) -> tuple[str, ...]:
    """A namespace may as well stand in the path, and the mount may end anywhere in it."""
    namespace = values.get("namespace", "")
    below = (values["mount"], values["path"])
    return address_of(values["url"]), joined("" if namespace == "root" else namespace, *below)


def _as_machine(values: Mapping[str, str]) -> bool:
    """Whether the service account signs in, or a role that asks for no secret but knows the machine
    by its address.
    """
    is_bare = values["auth"] == "approle" and "secret_id" not in values
    return is_bare or values["auth"] == "kubernetes"


def build(values: Mapping[str, str], places: OwnPlaces) -> Backend:
    check_endpoint(values, "url")
    for name in _NEEDED[values["auth"]]:
        if name not in values:
            raise InvalidRequest(
                f"The auth method {values['auth']} needs this.",
                code="storage.parameters",
                field=f"parameters.{name}",
            )
    for name in ("mount", "path", "auth_mount", "namespace"):
        if name in values and not _PATH.fullmatch(values[name]):
            raise InvalidRequest(
                "A path has letters, digits, _ - . and slashes between; no part begins with a dot.",
                code="storage.parameters",
                field=f"parameters.{name}",
            )
    token_file = places.kubernetes_token
    signed_in = CLIENTS.get(SPEC.slug, values, _SESSION, lambda: VaultSession(values, token_file))
    return ShelfBackend(VaultShelf(signed_in, values))


SPEC = BackendSpec(
    slug="vault",
    label="HashiCorp Vault or OpenBao",
    help="A KV engine, version 1 or 2.",
    build=build,
    parameters=(
        Parameter(name="url", label="Address", help="Such as https://vault.example.com:8200"),
        Parameter(name="namespace", label="Namespace", required=False),
        Parameter(name="mount", label="Mount of the KV engine", default="secret", required=False),
        Parameter(
            name="engine_version",
            label="Version of the KV engine",
            default="2",
            choices=("1", "2"),
            required=False,
        ),
        Parameter(
            name="path",
            label="Path",
            help="Below the mount; nothing else should be there.",
            default="certmate/certificates",
            required=False,
        ),
        Parameter(
            name="auth",
            label="Auth method",
            default="token",
            choices=("token", "approle", "kubernetes"),
            required=False,
        ),
        Parameter(
            name="auth_mount",
            label="Mount of the auth method",
            help="Empty: approle or kubernetes.",
            required=False,
        ),
        Parameter(name="token", label="Token", secret=True, required=False),
        Parameter(name="role_id", label="AppRole: role id", required=False),
        Parameter(name="secret_id", label="AppRole: secret id", secret=True, required=False),
        Parameter(
            name="role",
            label="Kubernetes: role",
            help="The token is read from CERTMATE_KUBERNETES_TOKEN_FILE.",
            required=False,
        ),
        CA_BUNDLE,
    ),
    location=("url", "namespace", "mount", "path"),
    place=_place,
    as_machine=_as_machine,
    lapses=True,
)
