"""A web server that serves HTTP-01 answers (RFC 8555 §8.3), as the application does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PATH = "/.well-known/acme-challenge/"


class Answers:
    """The key authorizations that are served at the moment, by token."""

    def __init__(self) -> None:
        self.by_token: dict[str, str] = {}
        self.port = 0


@contextmanager
def http01_server() -> Iterator[Answers]:
    """A server on a free loopback port; fill `by_token`."""
    answers = Answers()

    class Responder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.by_token.get(self.path.removeprefix(_PATH), "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Responder) as listener:
        listener.daemon_threads = True
        answers.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield answers
        finally:
            listener.shutdown()
            thread.join()
