"""Runs a trial of many DNS accounts, each in a process of its own that is forked off this one.

`python -m tests.providers.dns.nursery` reads requests of `plan_probe` as JSON lines, and writes for
each what became of it. Certbot is imported once and each plugin in its own process, so that a
whole catalogue takes seconds. The network of each is one loopback proxy and one loopback name
server, which note who was to be called.
"""

import ctypes
import fcntl
import gc
import importlib.metadata
import json
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.message
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

from providers.acme.isolated import network, probe, problems
from providers.acme.isolated.wire import Channel

ZONES = ("example.test.", "duckdns.org.", "freemyip.com.", "omg.lol.", "myaddr.tools.")
AT_ONCE = 6
_NEW_NETWORK, _NEW_USER = 0x40000000, 0x10000000
_NEW_MOUNTS, _BIND, _PRIVATE = 0x20000, 0x1000, 0x44000
_libc = ctypes.CDLL(None)
_SET_FLAGS, _UP = 0x8914, 0x1
LIMIT = 4.0
"""Seconds for one trial. Some plugins try again for minutes; who they call has been noted."""


class Surroundings:
    """A proxy that lets nothing through, and a name server of one zone without records.

    It is a process of its own: lego holds the interpreter's lock while it waits for them.
    """

    def __init__(self, notes: Path, address: str = "") -> None:
        self.notes, self.address = notes, address
        self.proxy = socket.create_server(("127.0.0.1", 0))
        self.names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.names.bind((address, 53) if address else ("127.0.0.1", 0))
        notes.touch()

    def serve(self) -> None:
        threading.Thread(target=self._serve_names, daemon=True).start()
        while True:
            connection, _ = self.proxy.accept()
            with connection, self.notes.open("a") as notes:
                words = connection.recv(65536).decode(errors="replace").split()
                notes.write(f"{' '.join(words[1:2])}\n")
                connection.sendall(
                    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )

    def _serve_names(self) -> None:
        while True:
            data, sender = self.names.recvfrom(4096)
            question = dns.message.from_wire(data)
            answer = dns.message.make_response(question)
            asked = question.question[0]
            zone = asked.name.to_text().lower()
            if zone in ZONES and asked.rdtype == dns.rdatatype.SOA:
                soa = "ns.example.test. hostmaster.example.test. 1 60 60 600 60"
                answer.answer.append(dns.rrset.from_text(zone, 60, "IN", "SOA", soa))
            else:
                answer.set_rcode(dns.rcode.NXDOMAIN)
                with self.notes.open("a") as notes:
                    notes.write(f"{asked.name}\n")
            self.names.sendto(answer.to_wire(), sender)

    def use(self, request: dict[str, Any]) -> None:
        """Point this process and the request at it."""
        proxy = f"http://127.0.0.1:{self.proxy.getsockname()[1]}"
        for name in ("HTTPS_PROXY", "HTTP_PROXY"):
            os.environ[name] = os.environ[name.lower()] = proxy
        host, port = self.names.getsockname()
        resolvers = [f"{host}:{port}"]
        if self.address:
            resolve_at(self.address, self.notes.with_name("resolv.conf"))
        request["publication"]["resolvers"] = resolvers
        request["argv"] = [
            resolvers[0] if argument == "RESOLVERS" else argument for argument in request["argv"]
        ]
        nameserver = dns.nameserver.Do53Nameserver(host, port)

        def configure(resolver: dns.resolver.Resolver, *_: object) -> None:
            resolver.nameservers = [nameserver]
            resolver.domain = dns.name.root

        dns.resolver.Resolver.read_resolv_conf = configure  # type: ignore[assignment,method-assign]
        # Between two tries there is nothing to wait for.
        time.sleep = lambda seconds: None


@dataclass
class Trial:
    slug: str
    place: Path
    server: int
    until: float

    def told(self, status: int) -> dict[str, Any]:
        os.kill(self.server, signal.SIGKILL)
        os.waitpid(self.server, 0)
        outcome = self.place / "outcome"
        problem = json.loads(outcome.read_text()) if outcome.exists() else {}
        log = (self.place / "log").read_text(errors="replace")
        called = (self.place / "notes").read_text().splitlines()
        return {
            "slug": self.slug,
            "log": log,
            "status": status,
            "called": called,
            "problem": problem,
        }


def leave_the_network() -> bool:
    """Nothing but loopback from here on, where the system allows it: lego obeys no proxy."""
    as_user = 0 if os.geteuid() == 0 else _NEW_USER
    if sys.platform != "linux" or _libc.unshare(_NEW_NETWORK | _NEW_MOUNTS | as_user):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up = struct.pack("16sh14x", b"lo", _UP)
        fcntl.ioctl(any_socket, _SET_FLAGS, up)
    return True


def resolve_at(address: str, file: Path) -> None:
    """Make the system's resolver of this process that address."""
    file.write_text(f"nameserver {address}\n")
    _libc.unshare(_NEW_MOUNTS)
    _libc.mount(None, b"/", None, _PRIVATE, None)
    if _libc.mount(bytes(file), b"/etc/resolv.conf", None, _BIND, None):
        raise OSError("mount")


def main() -> None:
    is_alone = leave_the_network()
    # Looked through once, for all that are forked off.
    installed = importlib.metadata.entry_points()
    importlib.metadata.entry_points = installed.select
    gc.freeze()
    waiting = [json.loads(line) for line in sys.stdin]
    folder = Path(tempfile.mkdtemp(prefix="nursery-"))
    running: dict[int, Trial] = {}
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            address = f"127.0.1.{len(waiting)}" if is_alone else ""
            pid, trial = _start(waiting.pop(), folder, address)
            running[pid] = trial
        for pid, trial in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended and time.monotonic() > trial.until:
                os.kill(pid, signal.SIGKILL)
                ended, status = os.waitpid(pid, 0)
            if ended:
                del running[pid]
                sys.stdout.write(json.dumps(trial.told(status)) + "\n")
        time.sleep(0.01)
    shutil.rmtree(folder)


def _start(request: dict[str, Any], folder: Path, address: str) -> tuple[int, Trial]:
    place = folder / request["slug"]
    place.mkdir()
    around = Surroundings(place / "notes", address)
    server = _fork(around.serve)
    pid = _fork(lambda: _try(request, place, around))
    around.proxy.close()
    around.names.close()
    return pid, Trial(request["slug"], place, server, time.monotonic() + LIMIT)


def _fork(act: Callable[[], None]) -> int:
    pid = os.fork()
    if not pid:
        try:
            act()
        except BaseException:  # noqa: BLE001 - nothing of a fork may run on as its parent
            traceback.print_exc()
        os._exit(0)
    return pid


def _try(request: dict[str, Any], place: Path, around: Surroundings) -> None:
    log = os.open(place / "log", os.O_CREAT | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(place)
    os.environ["HOME"] = str(place)
    around.use(request)
    request["workspace"] = str(place)
    journal = network.Journal()
    with (place / "events").open("w+") as events:
        try:
            problem = {"result": probe.probe(request, Channel(events, events), journal)}
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as the real child does
            problem = problems.describe(error, request, journal)
            traceback.print_exc()
    (place / "outcome").write_text(json.dumps(problem))


if __name__ == "__main__":
    main()
