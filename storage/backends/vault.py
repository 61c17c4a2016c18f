"""HashiCorp Vault and OpenBao: the KV engine, version 1 or 2, by hvac.

Version 2 keeps old states of a secret by itself, but ten of them only, so that versions are secrets
of their own here too; what it keeps besides goes with them.
"""

import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from certmate.core.errors import InvalidRequest, UpstreamRejected
from certmate.core.parameters import Parameter
from storage.backends.base import Backend, BackendSpec, OwnPlaces
from storage.backends.connections import (
    CA_BUNDLE,
    CLIENTS,
    READ_SECONDS,
    check_endpoint,
    session,
    trust,
)
from storage.backends.documents import Document
from storage.backends.failures import (
    answered,
    forbidden,
    missing_sdk,
    not_signed_in,
    rejected,
    unreached,
)
from storage.backends.shelf import Found, ShelfBackend

T = TypeVar("T")

_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_RENEW_AGAIN = 300.0


class _OvertakenError(Exception):
    """The secret is not in the state that a check-and-set named."""


class VaultSession:
    """A client that is signed in, stays so, and is one for all threads."""

    def __init__(self, values: Mapping[str, str], service_account_token: Path | None) -> None:
        self._values = values
        self._service_account_token = service_account_token
        self._trust = trust(values)
        self._lock = threading.Lock()
        self._client: Any = None
        self._renew_at = 0.0

    def run(self, doing: str, needs: str, call: Callable[[Any], T]) -> T | None:
        """What the call answers; None where there is nothing at the path."""
        client = self._signed_in()
        from hvac import exceptions

        try:
            return _told(doing, needs, call, client)
        except exceptions.Forbidden:
            # It says the same of a token that has expired and of a path that it may not use.
            again = self._after_refusal(client)
        try:
            return _told(doing, needs, call, again)
        except exceptions.Forbidden:
            raise forbidden(doing, needs) from None

    def _signed_in(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._sign_in()
            elif time.monotonic() > self._renew_at:
                self._renew()
            return self._client

    def _after_refusal(self, refused: Any) -> Any:
        """Another client if the refusal can come of the token; raises if it does for sure."""
        with self._lock:
            if self._client is not refused:
                return self._client
            if self._values["auth"] == "token" and self._lifetime(refused) is None:
                raise not_signed_in("the token is wrong or has expired")
            if self._values["auth"] != "token":
                self._client = self._sign_in()
            return self._client

    def _sign_in(self) -> Any:
        try:
            import hvac
        except ImportError:
            raise missing_sdk("hvac") from None
        client = hvac.Client(
            url=self._values["url"],
            session=session(self._values["url"], self._trust),
            timeout=READ_SECONDS,
            namespace=self._values.get("namespace"),
        )
        if self._values["auth"] == "token":
            client.token = self._values["token"]
            seconds = self._lifetime(client)
        else:
            seconds = self._log_in(client)
        self._plan_renewal(seconds)
        return client

    def _log_in(self, client: Any) -> float:
        from hvac import exceptions

        values, mount = self._values, self._values.get("auth_mount")
        try:
            if values["auth"] == "approle":
                answer = client.auth.approle.login(
                    role_id=values["role_id"],
                    secret_id=values.get("secret_id"),
                    mount_point=mount or "approle",
                )
            else:
                answer = client.auth.kubernetes.login(
                    role=values["role"],
                    jwt=self._service_account(),
                    mount_point=mount or "kubernetes",
                )
        except (exceptions.InvalidRequest, exceptions.Forbidden, exceptions.Unauthorized):
            raise not_signed_in("the role or its secret is wrong or has expired") from None
        except exceptions.InvalidPath:
            raise not_signed_in("there is no such auth method at this mount") from None
        except exceptions.VaultError as error:
            raise answered(_status(error), "Signing in", needs="log in") from None
        except OSError as error:
            raise unreached(error, "Signing in") from None
        return float(answer["auth"]["lease_duration"])

    def _service_account(self) -> str:
        try:
            if self._service_account_token is None:
                raise FileNotFoundError
            return self._service_account_token.read_text().strip()
        except OSError:
            raise not_signed_in(
                "CERTMATE_KUBERNETES_TOKEN_FILE names no service account token that can be read"
            ) from None

    def _lifetime(self, client: Any) -> float | None:
        """Seconds until the token expires, 0 for never; None if it is no good."""
        from hvac import exceptions

        try:
            found = client.auth.token.lookup_self()["data"]
        except exceptions.Forbidden:
            return None
        except exceptions.VaultError as error:
            raise answered(_status(error), "Signing in", needs="auth/token/lookup-self") from None
        except OSError as error:
            raise unreached(error, "Signing in") from None
        return float(found["ttl"]) if found.get("renewable") else 0.0

    def _renew(self) -> None:
        from hvac import exceptions

        try:
            answer = self._client.auth.token.renew_self()
        except exceptions.VaultError:
            # At its longest lifetime, or not renewable: sign in anew; a bare token just ends.
            if self._values["auth"] != "token":
                self._client = self._sign_in()
            self._renew_at = time.monotonic() + _RENEW_AGAIN
        except OSError:
            self._renew_at = time.monotonic() + _RENEW_AGAIN
        else:
            self._plan_renewal(float(answer["auth"]["lease_duration"]))

    def _plan_renewal(self, seconds: float | None) -> None:
        """With half of the lifetime left, so that an outage of some hours does no harm."""
        self._renew_at = time.monotonic() + seconds / 2 if seconds else math.inf


def _told(doing: str, needs: str, call: Callable[[Any], T], client: Any) -> T | None:
    """The call's answer, with every failure but Forbidden as one of ours."""
    from hvac import exceptions

    try:
        return call(client)
    except exceptions.InvalidPath:
        return None
    except exceptions.Forbidden:
        raise
    except exceptions.InvalidRequest as error:
        if "check-and-set" in str(error):
            raise _OvertakenError from None
        raise answered(400, doing, needs=needs) from None
    except exceptions.VaultError as error:
        raise answered(_status(error), doing, needs=needs) from None
    except OSError as error:
        raise unreached(error, doing) from None


def _status(error: Any) -> int:
    """hvac has a class for each status that it knows."""
    from hvac import exceptions

    known = {
        exceptions.Unauthorized: 401,
        exceptions.Forbidden: 403,
        exceptions.RateLimitExceeded: 429,
        exceptions.InvalidRequest: 400,
        exceptions.UnexpectedError: 500,
    }
    return known.get(type(error), 503)


def _wrong_engine(doing: str) -> UpstreamRejected:
    return rejected(doing, "there is no KV engine of this version at the mount")


class VaultShelf:
    """Secrets below a path of one mount."""

    limit: int | None = None

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
        except _OvertakenError:
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
        return "/".join((self._root, *parts))

    def _policy_path(self, area: str, path: str) -> str:
        return f"{self._mount}/{area}/{path}" if self._is_v2 else f"{self._mount}/{path}"


_SESSION = (
    *("url", "namespace", "auth", "auth_mount", "token", "role_id", "secret_id", "role"),
    CA_BUNDLE.name,
)
_NEEDED = {"token": ("token",), "approle": ("role_id",), "kubernetes": ("role",)}


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
)
