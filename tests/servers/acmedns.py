"""A stand-in of acme-dns: its update call, and the name server that serves what it was given."""

import json
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dns.message
import dns.rdatatype
import dns.rrset

SUBDOMAIN = "d420c923-bbd7-4056-ab64-c3ca54c9b3cf"
USERNAME, PASSWORD = "c36f50e8-4632-44f0-83fe-e070fef28a10", "acme-dns-password-for-tests"


@dataclass
class AcmeDNS:
    """One registration, to which the challenges of everything under `delegated` lead."""

    delegated: str = "example.test"
    # As the real one does, it serves the last two.
    values: deque[str] = field(default_factory=lambda: deque(maxlen=2))
    api_port: int = 0
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def fulldomain(self) -> str:
        return f"{SUBDOMAIN}.auth.test"

    def credentials(self) -> dict[str, str]:
        """What a DNS account of the provider `acme-dns` needs."""
        return {
            "api_url": f"http://127.0.0.1:{self.api_port}",
            "username": USERNAME,
            "password": PASSWORD,
            "subdomain": SUBDOMAIN,
            "fulldomain": self.fulldomain,
        }

    def answer(self, question: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(question)
        asked, name = question.question[0], question.question[0].name.to_text().lower()
        if name.startswith("_acme-challenge.") and name.endswith(f"{self.delegated}."):
            cname = dns.rrset.from_text(asked.name, 1, "IN", "CNAME", f"{self.fulldomain}.")
            answer.answer.append(cname)
            name = f"{self.fulldomain}."
        if asked.rdtype == dns.rdatatype.TXT and name == f"{self.fulldomain}." and self.values:
            quoted = [f'"{value}"' for value in self.values]
            answer.answer.append(dns.rrset.from_text(name, 1, "IN", "TXT", *quoted))
        elif asked.rdtype == dns.rdatatype.A:
            answer.answer.append(dns.rrset.from_text(name, 1, "IN", "A", "127.0.0.1"))
        return answer


@contextmanager
def acme_dns(delegated: str = "example.test") -> Iterator[AcmeDNS]:
    """The stand-in on free loopback ports."""
    state = AcmeDNS(delegated)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names,
        ThreadingHTTPServer(("127.0.0.1", 0), _responder(state)) as api,
    ):
        names.bind(("127.0.0.1", 0))
        state.port, state.api_port = names.getsockname()[1], api.server_address[1]
        threads = [
            threading.Thread(target=api.serve_forever, args=(0.05,), daemon=True),
            threading.Thread(target=_serve, args=(state, names), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield state
        finally:
            api.shutdown()
            names.sendto(b"", names.getsockname())
            for thread in threads:
                thread.join()


def _serve(state: AcmeDNS, names: socket.socket) -> None:
    with suppress(OSError):
        while True:
            data, sender = names.recvfrom(4096)
            if not data:
                return
            names.sendto(state.answer(dns.message.from_wire(data)).to_wire(), sender)


def _responder(state: AcmeDNS) -> type[BaseHTTPRequestHandler]:
    class Responder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            who = (self.headers["X-Api-User"], self.headers["X-Api-Key"])
            is_ours = who == (USERNAME, PASSWORD) and body["subdomain"] == SUBDOMAIN
            if is_ours and self.path == "/update":
                state.values.append(body["txt"])
            self.send_response(200 if is_ours else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Responder
