"""A stand-in of Cloudflare's v4 API: the calls of certbot's plugin, as its real SDK makes them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "cloudflare-token-for-tests"


@dataclass
class Cloudflare:
    """The stand-in's state: one zone and its TXT records by id."""

    zone: str
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    asked: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/client/v4"

    def answer(self, method: str, target: str, body: bytes, token: str) -> tuple[int, Any]:
        self.asked += 1
        if token != f"Bearer {TOKEN}":
            return 403, {"code": 9109, "message": "Invalid access token"}
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/client/v4")
        if path == "/zones":
            found = query.get("name") == self.zone and int(query.get("page", 1)) == 1
            return 200, [{"id": "z1", "name": self.zone}] if found else []
        if path.startswith("/zones/z1/dns_records/") and method == "DELETE":
            identifier = path.rsplit("/", 1)[1]
            del self.records[identifier]
            return 200, {"id": identifier}
        if method == "POST":
            record = json.loads(body) | {"id": f"r{len(self.created)}"}
            self.records[record["id"]] = record
            self.created.append(record["content"])
            return 200, record
        # The SDK asks for the next page until one is empty.
        if int(query.get("page", 1)) > 1:
            return 200, []
        wanted = query.get("content.exact")
        return 200, [r for r in self.records.values() if r["content"] == wanted]


def _responder(state: Cloudflare) -> type[BaseHTTPRequestHandler]:
    class Responder(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, result = state.answer(
                self.command, self.path, body, self.headers.get("Authorization", "")
            )
            said: dict[str, Any] = {
                "success": status == 200,
                "errors": [],
                "messages": [],
                "result": result,
            }
            if status != 200:
                said |= {"errors": [result], "result": None}
            if isinstance(result, list):
                said["result_info"] = {
                    "page": 1,
                    "per_page": 100,
                    "count": len(result),
                    "total_pages": 1,
                }
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = respond  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Responder


@contextmanager
def cloudflare(zone: str = "example.test") -> Iterator[Cloudflare]:
    """The stand-in on a free loopback port."""
    state = Cloudflare(zone)
    with ThreadingHTTPServer(("127.0.0.1", 0), _responder(state)) as listener:
        listener.daemon_threads = True
        state.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            listener.shutdown()
            thread.join()
