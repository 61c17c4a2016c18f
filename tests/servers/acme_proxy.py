"""Stands in front of an ACME server, counts what is asked and answers some of it by itself.

What no test server can be told to say (rate limits, compound problems, renewal information, a
server that is no CA) is said here. The rest is passed on unchanged: the server makes its URLs from
the Host header, so that all of them lead here.
"""

import base64
import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.servers.pebble import Pebble

PROBLEM = "application/problem+json"
NEW_ORDER = ("POST", "/order-plz")
_HOP = ("connection", "transfer-encoding", "content-length", "date")


@dataclass(frozen=True)
class Answer:
    """What to say instead of the server, or after it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(
    kind: str, detail: str, *, status: int, headers: Mapping[str, str] | None = None, **more: Any
) -> Answer:
    """A problem document (RFC 8555 §6.7)."""
    body = {
        "type": f"urn:ietf:params:acme:error:{kind}",
        "detail": detail,
        "status": status,
        **more,
    }
    return Answer(status, json.dumps(body).encode(), {"Content-Type": PROBLEM, **(headers or {})})


# Sees method, path and the server's answer if it was asked; None means: leave it as it is.
Before = Callable[[str, str], Answer | None]
After = Callable[[str, str, Answer], Answer | None]


class AcmeProxy:
    """A running proxy. `before` answers instead of the server, `after` changes its answers."""

    def __init__(self, server: Pebble) -> None:
        self.server = server
        self.requests: list[tuple[str, str]] = []
        self.ordered: list[dict[str, Any]] = []
        self.before: Before = lambda method, path: None
        self.after: After = lambda method, path, answer: None
        self.port = 0

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def directory_url(self) -> str:
        return f"{self.base}/dir"

    def count(self, method: str, start: str) -> int:
        """How many requests of that method began with that path."""
        return sum(1 for m, path in self.requests if m == method and path.startswith(start))

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.requests.append((method, path))
        if (method, path) == NEW_ORDER:
            self.ordered.append(_payload(body))
        said = self.before(method, path)
        if said is not None:
            return said
        answer = self._pass_on(method, path, headers, body)
        return self.after(method, path, answer) or answer

    def _pass_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.server.port, context=self.server.context, timeout=20
        )
        try:
            connection.request(method, path, body or None, dict(headers))
            answer = connection.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP}
            return Answer(answer.status, answer.read(), kept)
        finally:
            connection.close()


def _payload(body: bytes) -> dict[str, Any]:
    """What a signed request says (RFC 7515 §7.2.2)."""
    text: str = json.loads(body)["payload"]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return said


def offer_profiles(proxy: AcmeProxy, offered: Mapping[Any, Any], *, taken: str = "") -> None:
    """Make the server one with profiles (draft-ietf-acme-profiles), which it knows nothing of.

    Its orders say the one that was asked for, or the `taken` one.
    """
    orders: dict[str, str] = {}

    def before(method: str, path: str) -> Answer | None:
        wanted = proxy.ordered[-1].get("profile") if (method, path) == NEW_ORDER else None
        if wanted and wanted not in offered:
            return problem("invalidProfile", f"No profile {wanted}.", status=400)
        return None

    def after(method: str, path: str, answer: Answer) -> Answer | None:
        if path == "/dir":
            said = json.loads(answer.body)
            said["meta"]["profiles"] = dict(offered)
            return replace(answer, body=json.dumps(said).encode())
        if (method, path) == NEW_ORDER and answer.status < HTTPStatus.BAD_REQUEST:
            path = urlsplit(answer.headers["Location"]).path
            orders[path] = taken or proxy.ordered[-1].get("profile", "")
        if not orders.get(path):
            return None
        body = json.loads(answer.body) | {"profile": orders[path]}
        return replace(answer, body=json.dumps(body).encode())

    proxy.before, proxy.after = before, after


def _responder(proxy: AcmeProxy) -> type[BaseHTTPRequestHandler]:
    class Responder(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = proxy.answer(self.command, self.path, dict(self.headers.items()), body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = respond  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Responder


class _TLSServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that was killed in the middle is no event."""


@contextmanager
def acme_proxy(server: Pebble) -> Iterator[AcmeProxy]:
    """A proxy in front of that server, trusted through the same root."""
    proxy = AcmeProxy(server)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.identity.certificate, server.identity.key)
    with _TLSServer(("127.0.0.1", 0), _responder(proxy)) as listener:
        proxy.port = listener.server_address[1]
        listener.socket = context.wrap_socket(
            listener.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            listener.shutdown()
            thread.join()
