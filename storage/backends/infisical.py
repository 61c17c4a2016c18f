"""Infisical, by infisicalsdk: one secret a document, below a folder of a project's environment.

Folders have no dots in their names, so a version is a secret `<name>.<fingerprint>` of the folder
of its kind. The SDK has no time-out, puts names into URLs as they are, and keeps answers for a
minute: it gets our connections, and names that need no escape.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from certmate.core.errors import InvalidRequest
from certmate.core.parameters import Parameter
from storage.backends import legacy
from storage.backends.base import Backend, BackendSpec, OwnPlaces
from storage.backends.connections import CA_BUNDLE, CLIENTS, check_endpoint, session, trust
from storage.backends.documents import Document, from_text, to_text
from storage.backends.failures import answered, missing_sdk, not_signed_in, rejected, unreached
from storage.backends.shelf import Found, ShelfBackend
from storage.backends.spelling import address_of

T = TypeVar("T")

_FOLDERS = re.compile(r"(/[A-Za-z0-9_-]+)+")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LEGACY_PATH = "/"
_SAME_CLOUD = {"us.infisical.com/": "app.infisical.com/"}


class InfisicalSession:
    """A client that is signed in by Universal Auth, and again when its token has expired."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values, self._trust = values, trust(values)
        self._lock = threading.Lock()
        self._client: Any = None

    def run(
        self, doing: str, needs: str, call: Callable[[Any], T], *, absent: tuple[int, ...] = (404,)
    ) -> T | None:
        """What the call answers; None for an answer of the status `absent`."""
        client = self._signed_in(None)
        from infisical_sdk.infisical_requests import APIError

        for _ in range(2):
            try:
                return _told(doing, call, client)
            except APIError as error:
                if error.status_code in absent:
                    return None
                if error.status_code != 401:
                    raise answered(error.status_code, doing, needs=needs) from None
            client = self._signed_in(client)
        raise not_signed_in("the token is refused again and again")

    def _signed_in(self, refused: Any) -> Any:
        with self._lock:
            if self._client is None or self._client is refused:
                self._client = self._sign_in()
            return self._client

    def _sign_in(self) -> Any:
        try:
            from infisical_sdk import InfisicalSDKClient
            from infisical_sdk.infisical_requests import APIError
        except ImportError:
            raise missing_sdk("infisicalsdk") from None
        values = self._values
        client = InfisicalSDKClient(host=values["site_url"], cache_ttl=None)
        kept = session(values["site_url"], self._trust)
        kept.headers.update(client.api.session.headers)
        client.api.session = kept
        for verb in ("get", "post", "patch", "delete"):
            # Without the SDK's own attempts: `failures.attempt` is the one place that tries again.
            once = getattr(type(client.api), verb).__wrapped__
            setattr(client.api, verb, partial(once, client.api))
        try:
            _told(
                "Signing in",
                lambda c: c.auth.universal_auth.login(values["client_id"], values["client_secret"]),
                client,
            )
        except APIError as error:
            if error.status_code in (400, 401, 403, 404):
                raise not_signed_in("the client id or secret is wrong or has expired") from None
            raise answered(error.status_code, "Signing in", needs="Universal Auth") from None
        return client


def _told(doing: str, call: Callable[[Any], T], client: Any) -> T:
    from infisical_sdk.infisical_requests import APIError, InfisicalError

    try:
        return call(client)
    except APIError:
        raise
    except InfisicalError:
        raise rejected(doing, "the answer cannot be understood") from None
    except KeyError:
        # The SDK expects the secret in the answer, and a policy has answered with a request.
        raise rejected(doing, "an approval policy of the project holds the change back") from None
    except OSError as error:
        raise unreached(error, doing) from None


class InfisicalShelf:
    """Secrets below one folder."""

    creates, replaces = True, False
    limit: int | None = None
    lists_at_once = True

    def __init__(self, signed_in: InfisicalSession, values: Mapping[str, str]) -> None:
        self._session, self._root = signed_in, values["path"]
        self._place = {
            "project_id": values["project_id"],
            "environment_slug": values["environment"],
        }

    def read(self, folder: str, name: str) -> Found | None:
        found = self._value(*self._spot(folder, name))
        return Found(from_text(found)) if found is not None else None

    def create(self, folder: str, name: str, document: Document) -> bool:
        path, key = self._spot(folder, name)

        def call(client: Any) -> Any:
            return client.secrets.create_secret_by_name(
                key,
                secret_path=path,
                secret_value=to_text(document),
                skip_multiline_encoding=True,
                **self._place,
            )

        needs = f"create secrets in {path}"
        # 400: there is a secret of this name. 404: the folder is not there yet.
        if self._session.run("Writing", needs, call, absent=(400, 404)) is not None:
            return True
        if self.read(folder, name) is not None:
            return False
        self._make_folders(path)
        return self._session.run("Writing", needs, call, absent=(400,)) is not None

    def replace(self, folder: str, name: str, document: Document, revision: str) -> bool:
        path, key = self._spot(folder, name)
        done = self._session.run(
            "Writing",
            f"edit secrets in {path}",
            lambda client: client.secrets.update_secret_by_name(
                key,
                secret_path=path,
                secret_value=to_text(document),
                skip_multiline_encoding=True,
                **self._place,
            ),
        )
        return done is not None

    def remove(self, folder: str, name: str) -> None:
        path, key = self._spot(folder, name)
        self._session.run(
            "Deleting",
            f"delete secrets in {path}",
            lambda client: client.secrets.delete_secret_by_name(
                key, secret_path=path, **self._place
            ),
        )

    def forget(self, folder: str, name: str) -> None:
        """Infisical keeps a history of its own, which its API does not delete."""

    def names(self, folder: str) -> Iterator[str]:
        path, start = self._spot(folder, "")
        for key in self._keys(path):
            if key.startswith(start):
                yield key.removeprefix(start)

    def legacy(self) -> Iterator[str]:
        return filter(None, map(legacy.domain_of, self._keys(_LEGACY_PATH)))

    def read_legacy(self, domain: str) -> Document | None:
        def text(file: str) -> str:
            key = legacy.piece(legacy.INFISICAL_PREFIX, domain, file)
            return self._value(_LEGACY_PATH, key) or ""

        texts = {file: text(file) for file in legacy.FILES}
        if not texts[legacy.CERTIFICATE]:
            return None
        return legacy.document(texts, text(legacy.METADATA))

    def _value(self, path: str, key: str) -> str | None:
        found = self._session.run(
            "Reading",
            f"read secrets in {path}",
            lambda client: client.secrets.get_secret_by_name(
                key,
                secret_path=path,
                expand_secret_references=False,
                include_imports=False,
                **self._place,
            ),
        )
        return str(found.secretValue) if found is not None else None

    def _keys(self, path: str) -> Iterator[str]:
        listed = self._session.run(
            "Listing",
            f"describe secrets in {path}",
            lambda client: client.secrets.list_secrets(
                secret_path=path,
                expand_secret_references=False,
                view_secret_value=False,
                include_imports=False,
                **self._place,
            ),
        )
        for secret in listed.secrets if listed is not None else ():
            yield secret.secretKey

    def _make_folders(self, path: str) -> None:
        parent = "/"
        for name in path.strip("/").split("/"):
            self._session.run(
                "Writing",
                f"create folders in {parent}",
                partial(self._make_folder, name, parent),
                # It is there, or somebody has just made it.
                absent=(400, 409),
            )
            parent = f"{parent.rstrip('/')}/{name}"

    def _make_folder(self, name: str, parent: str, client: Any) -> Any:
        return client.folders.create_folder(name, path=parent, **self._place)

    def _spot(self, folder: str, name: str) -> tuple[str, str]:
        """The path and the key of a document; of "" what the keys of the folder begin with."""
        kind, _, rest = folder.partition("/")
        if not rest:
            return f"{self._root}/{folder}", name
        # versions/server/<bundle>: the bundle's name has dots and goes into the key.
        group, bundle = rest.split("/")
        return f"{self._root}/{kind}/{group}", f"{bundle}.{name}"


_SESSION = ("site_url", "client_id", "client_secret", CA_BUNDLE.name)


def _place(values: Mapping[str, str]) -> tuple[str, ...]:
    site = address_of(values["site_url"])
    project, environment = values["project_id"].lower(), values["environment"].lower()
    return _SAME_CLOUD.get(site, site), project, environment, values["path"]


def build(values: Mapping[str, str], _places: OwnPlaces) -> Backend:
    check_endpoint(values, "site_url")
    patterns = {"path": _FOLDERS, "project_id": _ID, "environment": _ID}
    for name, pattern in patterns.items():
        if not pattern.fullmatch(values[name]):
            raise InvalidRequest(
                "It has letters, digits, dashes and underscores; a path begins with a slash.",
                code="storage.parameters",
                field=f"parameters.{name}",
            )
    signed_in = CLIENTS.get(SPEC.slug, values, _SESSION, lambda: InfisicalSession(values))
    return ShelfBackend(InfisicalShelf(signed_in, values))


SPEC = BackendSpec(
    slug="infisical",
    label="Infisical",
    help="A folder of one environment of a project.",
    build=build,
    parameters=(
        Parameter(
            name="site_url",
            label="Site URL",
            default="https://app.infisical.com",
            required=False,
        ),
        Parameter(name="client_id", label="Client id", help="Of a machine identity."),
        Parameter(name="client_secret", label="Client secret", secret=True),
        Parameter(name="project_id", label="Project id"),
        Parameter(name="environment", label="Environment", default="prod", required=False),
        Parameter(name="path", label="Folder", default="/certmate/certificates", required=False),
        CA_BUNDLE,
    ),
    location=("site_url", "project_id", "environment", "path"),
    place=_place,
)
