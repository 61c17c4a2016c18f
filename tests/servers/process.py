"""Starts a server program, waits until it answers, stops it; tells its log if it does not start."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

START_LIMIT = 60.0
_STOP_LIMIT = 5.0


class NotStarted(RuntimeError):
    """The program ended or did not answer; the text has its log."""


def free_port() -> int:
    """A loopback port that nobody listens on, for TCP and UDP alike."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return int(tcp.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str],
    *,
    log: Path,
    is_ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """The program, answering. It is ended at exit, by force if it has to be."""
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment
        )
    try:
        _await(process, is_ready, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], is_ready: Callable[[], bool], log: Path) -> None:
    until = time.monotonic() + START_LIMIT
    while not is_ready():
        if process.poll() is not None or time.monotonic() > until:
            raise NotStarted(f"{process.args!r} did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)
