"""Where checkpoints go: a real syslog socket, a real HTTPS server."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from certmate.audit import sinks
from certmate.audit.models import Checkpoint, Delivery
from tests.storage.bundles import authority, issue

Fill = Callable[..., None]


class Receiver(BaseHTTPRequestHandler):
    status = 204
    bodies: list[bytes] = []

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.status)
        self.send_header("Location", "https://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return


@contextmanager
def https(tmp_path: Path, status: int) -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server that answers with this status, and what it was sent."""
    bundle = issue("localhost")
    (tmp_path / "server.pem").write_text(str(bundle.privkey) + bundle.cert)

    class Answering(Receiver):
        bodies: list[bytes] = []

    Answering.status = status
    server = HTTPServer(("127.0.0.1", 0), Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}/hook?key=secret", Answering.bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's CA, as an operator would make it known."""
    (tmp_path / "ca.pem").write_text(authority().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def test_a_webhook_gets_the_newest_checkpoint(
    sealed: Fill, settings: Any, tmp_path: Path, trusted: None
) -> None:
    with https(tmp_path, 204) as (url, bodies):
        settings.CERTMATE_AUDIT_WEBHOOK = url
        sealed()
    newest = Checkpoint.objects.latest("size")
    assert json.loads(bodies[-1])["note"] == newest.note
    assert Delivery.objects.get(sink="webhook").size == newest.size


@pytest.mark.parametrize("status", [302, 500])
def test_a_webhook_that_fails_holds_nothing_up_and_tells_no_secret(
    sealed: Fill, settings: Any, tmp_path: Path, trusted: None, status: int
) -> None:
    with https(tmp_path, status) as (url, bodies):
        settings.CERTMATE_AUDIT_WEBHOOK = url
        sealed()
    assert len(bodies) == 1
    delivery = Delivery.objects.get(sink="webhook")
    assert (delivery.size, str(status) in delivery.error) == (0, True)
    assert "secret" not in delivery.error
    assert sinks.path().exists()


def test_a_webhook_that_cannot_be_reached_tells_no_secret(sealed: Fill, settings: Any) -> None:
    settings.CERTMATE_AUDIT_WEBHOOK = "https://127.0.0.1:1/hook?key=secret"
    sealed()
    delivery = Delivery.objects.get(sink="webhook")
    assert delivery.error
    assert "secret" not in delivery.error


def test_syslog_gets_the_newest_checkpoint(sealed: Fill, settings: Any, tmp_path: Path) -> None:
    place = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(place))
        receiver.settimeout(10)
        settings.CERTMATE_AUDIT_SYSLOG = str(place)
        sealed()
        message = receiver.recv(65536).decode()
    assert message.startswith("<86>certmate-audit: {")
    size = Checkpoint.objects.latest("size").size
    assert json.loads(message.partition(": ")[2].rstrip("\x00"))["size"] == size


def test_a_syslog_that_is_away_is_told_of(sealed: Fill, settings: Any, tmp_path: Path) -> None:
    settings.CERTMATE_AUDIT_SYSLOG = str(tmp_path / "nothing")
    sealed()
    assert Delivery.objects.get(sink="syslog").error
