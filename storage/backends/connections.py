"""Connections to remote places: guarded, bounded in time, and kept for the next call.

All vendors' SDKs that CertMate uses speak HTTP through urllib3, most of them through requests.
Whoever may configure a target names a host; the address that is connected to is looked at before a
byte is sent, redirects are not followed, and a server that is silent is given up.
"""

import os
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from certmate.core.errors import InvalidRequest, UpstreamRejected
from certmate.core.outgoing import endpoint_fault, is_forbidden_address
from certmate.core.parameters import Parameter

T = TypeVar("T")

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
POOL = 10
"""As many connections as a worker has threads."""

_CLIENTS_AT_MOST = 64

CA_BUNDLE = Parameter(
    name="ca_bundle",
    label="CA bundle",
    help="PEM. Empty: the CAs that this machine trusts.",
    required=False,
    multiline=True,
)


def check_endpoint(values: Mapping[str, str], name: str) -> None:
    """Raise InvalidRequest (`storage.endpoint`) for a URL that CertMate does not call."""
    if name in values and (fault := endpoint_fault(values[name])):
        raise InvalidRequest(fault, code="storage.endpoint", field=f"parameters.{name}")


def trust(values: Mapping[str, str]) -> ssl.SSLContext | None:
    """What trusts the CA bundle alone; None without one. Raises InvalidRequest."""
    pem = values.get(CA_BUNDLE.name)
    if not pem:
        return None
    try:
        return ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError):
        raise InvalidRequest(
            "The CA bundle is not PEM certificates.",
            code="storage.ca_bundle",
            field=f"parameters.{CA_BUNDLE.name}",
        ) from None


def session(url: str, context: ssl.SSLContext | None) -> requests.Session:
    """A session of requests to one server, which connects as this module says."""
    made = requests.Session()
    # What the environment says of this server is looked up once and not with each call; nothing is
    # taken from a .netrc file.
    made.trust_env = False
    made.proxies = dict(get_environ_proxies(url))
    bundles = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    made.verify = next(filter(None, bundles), True)
    adapter = _Adapter(context)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


def redirected() -> UpstreamRejected:
    return UpstreamRejected(
        "The server answers with a redirect. Give the address that it leads to.",
        code="storage.endpoint",
    )


def _looked_at(connection: Any) -> Any:
    """The very address that is connected to, so that no second look-up can differ."""
    try:
        forbidden = is_forbidden_address(str(connection.getpeername()[0]))
    except (OSError, ValueError):
        forbidden = False
    if forbidden:
        connection.close()
        raise UpstreamRejected(
            "The endpoint leads to a link-local or metadata address.", code="storage.endpoint"
        )
    return connection


class _GuardedHTTP(HTTPConnection):
    def _new_conn(self) -> Any:
        return _looked_at(super()._new_conn())


class _GuardedHTTPS(HTTPSConnection):
    def _new_conn(self) -> Any:
        return _looked_at(super()._new_conn())


class _GuardedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTP


class _GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


GUARDED = {"http": _GuardedHTTPPool, "https": _GuardedHTTPSPool}


class _Adapter(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(pool_maxsize=POOL)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        if self._context is not None:
            kwargs["ssl_context"] = self._context
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = GUARDED

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        # The bundle is trusted alone; requests would add those of the machine or its environment.
        if self._context is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        if self._context is not None:
            kwargs["verify"] = True
        response = super().send(request, *args, **kwargs)
        if response.is_redirect:
            response.close()
            raise redirected()
        return response


class Clients:
    """One client a sign-in and process: its connections and token are kept for the next call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[tuple[object, ...], object] = {}

    def get(
        self, service: str, values: Mapping[str, str], names: Iterable[str], make: Callable[[], T]
    ) -> T:
        """The client of a service for the parameters of these names. `make` contacts nobody."""
        # By process as well: two that share a connection would read each other's answers.
        key = (os.getpid(), service, *((name, values.get(name)) for name in names))
        with self._lock:
            if key not in self._made:
                while len(self._made) >= _CLIENTS_AT_MOST:
                    del self._made[next(iter(self._made))]
                self._made[key] = make()
            return cast(T, self._made[key])


CLIENTS = Clients()
