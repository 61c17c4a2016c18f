"""A small HTTP server on loopback for stand-ins: a function that answers, in threads."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers.authority import ServerIdentity


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"{}")


@dataclass(frozen=True)
class Reply:
    """`content` is sent as JSON, and bytes as they are."""

    status: int
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Request], Reply]


def _encoded(content: Any) -> bytes:
    if content is None or isinstance(content, bytes):
        return content or b""
    return json.dumps(content).encode()


def _responder(answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Responder(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without it each small answer waits for the other side's acknowledgement.
        wbufsize = 65_536
        disable_nagle_algorithm = True

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = answer(Request(self.command, self.path, dict(self.headers.items()), body))
            data = _encoded(reply.content)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_LIST = respond  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Responder


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that went away is no event."""


@contextmanager
def serving(answer: Answer, identity: ServerIdentity | None = None) -> Iterator[str]:
    """The server's address; https with an identity."""
    with _Server(("127.0.0.1", 0), _responder(answer)) as listener:
        port = listener.server_address[1]
        if identity is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(identity.certificate, identity.key)
            listener.socket = context.wrap_socket(
                listener.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"{'https' if identity else 'http'}://127.0.0.1:{port}"
        finally:
            listener.shutdown()
            thread.join()
