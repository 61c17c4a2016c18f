"""Runs one ACME operation in an isolated child process and hands back its result.

The child gets its request on stdin and answers JSON lines; what it prints besides is the debug log.
It lives in a session of its own, so that at the end, at the hard limit or when the watch objects,
everything that it has started ends with it.
"""

import contextlib
import json
import os
import select
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Protocol, cast

from certmate.core.errors import CertMateError
from providers.acme import failures
from providers.acme.redaction import Redactor, Tail
from providers.acme.workspace import workspace

HARD_LIMIT = timedelta(minutes=30)
GRACE = timedelta(seconds=10)
"""How long a child may clean up: certbot removes its TXT records after SIGTERM."""

_TICK = 2.0
_ACK_LIMIT = 10.0
_LAST_WORDS = 2.0
_LONGEST_LINE = 4 * 1024 * 1024
_PROJECT = Path(__file__).resolve().parents[2]

# Nothing of CertMate's own environment: it holds the master key.
_PASSED_ON = (
    "PATH",
    "LANG",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    *(form for name in ("http_proxy", "https_proxy", "no_proxy") for form in (name, name.upper())),
)


class Watch(Protocol):
    """Who looks on while the child works. What it raises ends the child and comes out of `run`."""

    def tick(self) -> None:
        """Called about every two seconds: renew the lease, or raise."""

    def step(self, message: str) -> None:
        """What is being done now, for a person."""

    def order_created(self, url: str) -> None:
        """The CA's order; kept at once, it lets the next attempt resume after a crash."""

    def present(self, token: str, key_authorization: str) -> None:
        """Serve this answer for HTTP-01; when it returns, any web worker must have it."""

    def cleanup(self, token: str) -> None:
        """The answer is not needed any more. Called for every token, unless the watch raised."""

    def log(self, text: str) -> None:
        """The child's output, redacted, at most 64 KiB; called once at the end, failed or not."""


class Unwatched:
    """A watch that does nothing: for operations that need no eye, and to derive others from."""

    def tick(self) -> None: ...
    def step(self, message: str) -> None: ...
    def order_created(self, url: str) -> None: ...
    def present(self, token: str, key_authorization: str) -> None: ...
    def cleanup(self, token: str) -> None: ...
    def log(self, text: str) -> None: ...


def run(
    request: Mapping[str, Any],
    *,
    watch: Watch,
    timeout: timedelta = HARD_LIMIT,
    grace: timedelta = GRACE,
) -> dict[str, Any]:
    """The child's result for this request (see `providers.acme.plan`).

    Raises a CertMateError of `providers.acme.failures`, or what `watch` raised.
    """
    redact = Redactor(request["secrets"])
    log = Tail(redact)
    try:
        with workspace() as directory:
            wanted = {**request, "workspace": str(directory), "parent": os.getpid()}
            del wanted["secrets"]
            child = _Child(_start(directory), redact=redact, log=log, watch=watch, grace=grace)
            return child.converse(wanted, until=time.monotonic() + timeout.total_seconds())
    finally:
        watch.log(log.text())


def _start(directory: Path) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"HOME": str(directory), "TMPDIR": str(directory), "PYTHONUTF8": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "providers.acme.child"],
        cwd=_PROJECT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
    )


class _Child:
    """The conversation with one running child."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        *,
        redact: Redactor,
        log: Tail,
        watch: Watch,
        grace: timedelta,
    ) -> None:
        self.process = process
        self.stdin, self.stdout, self.stderr = (
            cast(IO[bytes], pipe) for pipe in (process.stdin, process.stdout, process.stderr)
        )
        self.redact, self.log, self.watch, self.grace = redact, log, watch, grace
        self.operation = ""
        self.presented: set[str] = set()
        self.result: dict[str, Any] | None = None
        self.problem: dict[str, Any] | None = None
        self.buffer = b""

    def converse(self, request: Mapping[str, Any], *, until: float) -> dict[str, Any]:
        self.operation = request["operation"]
        try:
            self._say(request, until)
            self._listen(until)
        except _Garbled:
            self.problem = {"kind": "interrupted", "detail": "What the child said is garbled."}
        finally:
            self._end()
        self._withdraw()
        if self.result is not None:
            return self.result
        gone = {"kind": "interrupted", "detail": f"Exit status {self.process.returncode}."}
        raise self._error(self.problem or gone)

    def _error(self, problem: Mapping[str, Any]) -> CertMateError:
        return failures.to_error(_redacted(problem, self.redact), operation=self.operation)

    def _say(self, message: Mapping[str, Any], until: float) -> None:
        rest = json.dumps(message).encode() + b"\n"
        # A child that is gone already is noticed by listening.
        with contextlib.suppress(BrokenPipeError):
            ready = select.poll()
            ready.register(self.stdin, select.POLLOUT)
            while rest and not self._has_exited() and time.monotonic() < until:
                if ready.poll(500):
                    rest = rest[os.write(self.stdin.fileno(), rest[: select.PIPE_BUF]) :]

    def _listen(self, until: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.stdout, selectors.EVENT_READ, self._take_events)
            selector.register(self.stderr, selectors.EVENT_READ, self.log.feed)
            next_tick = time.monotonic() + _TICK
            # Once all is said, what still runs is some library's end of process.
            while selector.get_map() and not self._has_exited() and not self._is_answered():
                now = time.monotonic()
                if now >= until:
                    self.problem = {"kind": "timeout", "detail": "It was stopped."}
                    return
                if now >= next_tick:
                    self.watch.tick()
                    next_tick = now + _TICK
                self._read(selector, min(until, next_tick) - now)
            self._let_end(selector)

    def _is_answered(self) -> bool:
        return self.result is not None or self.problem is not None

    def _let_end(self, selector: selectors.BaseSelector) -> None:
        """What the child writes last. A hook that it left behind may hold its pipes for ever."""
        until = time.monotonic() + _LAST_WORDS
        while selector.get_map() and time.monotonic() < until:
            if not self._read(selector, 0.05) and self._has_exited():
                return

    def _read(self, selector: selectors.BaseSelector, wait: float) -> bool:
        # Exit of the child shows as the end of its pipes, unless a hook still holds them.
        ready = selector.select(max(0.0, min(wait, 0.5)))
        for key, _ in ready:
            data = os.read(key.fd, 65536)
            if data:
                key.data(data)
            else:
                selector.unregister(key.fileobj)
        return bool(ready)

    def _has_exited(self) -> bool:
        # Not reaped yet: as long as it is not, no other process group can get its number.
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        try:
            return os.waitid(os.P_PID, self.process.pid, options) is not None
        except ChildProcessError:
            return True  # Where the worker ignores SIGCHLD, the kernel reaps.

    def _take_events(self, data: bytes) -> None:
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            self._take(_event(line))
        if len(self.buffer) > _LONGEST_LINE:
            raise _Garbled

    def _take(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "step":
                self.watch.step(self.redact(failures.clean(event["message"])))
            case "order":
                self.watch.order_created(event["url"])
                self._say({"ack": event["url"]}, time.monotonic() + _ACK_LIMIT)
            case "challenge":
                self.presented.add(event["token"])
                self.watch.present(event["token"], event["key_authorization"])
                self._say({"ack": event["token"]}, time.monotonic() + _ACK_LIMIT)
            case "cleanup":
                # Certbot cleans up after every challenge, also after those that it did not come to.
                if event["token"] in self.presented:
                    self.watch.cleanup(event["token"])
                    self.presented.discard(event["token"])
                self._say({"ack": event["token"]}, time.monotonic() + _ACK_LIMIT)
            case "result":
                self.result = event["result"]
            case "problem":
                self.problem = event

    def _withdraw(self) -> None:
        for token in sorted(self.presented):
            self.watch.cleanup(token)

    def _end(self) -> None:
        """Ends the whole group: asked at first, so that TXT records are removed, then forced."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        if not self._has_exited():
            self._signal(signal.SIGTERM)
            self._drain(time.monotonic() + self.grace.total_seconds())
        self._signal(signal.SIGKILL)
        self.process.wait()
        self.stdout.close()
        self.stderr.close()

    def _drain(self, until: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.stdout, selectors.EVENT_READ, lambda data: None)
            selector.register(self.stderr, selectors.EVENT_READ, self.log.feed)
            while not self._has_exited() and time.monotonic() < until:
                if selector.get_map():
                    self._read(selector, until - time.monotonic())
                else:
                    time.sleep(0.01)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


class _Garbled(Exception):
    """The child's words are not the events that were agreed upon."""


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        raise _Garbled from None
    if not isinstance(event, dict) or "event" not in event:
        raise _Garbled
    return event


_FIXED = frozenset({"event", "kind", "type", "challenge"})


def _redacted(value: Any, redact: Redactor) -> Any:
    """The problem with its foreign words redacted; its fixed words decide the code and stay."""
    match value:
        case dict():
            return {k: v if k in _FIXED else _redacted(v, redact) for k, v in value.items()}
        case list():
            return [_redacted(item, redact) for item in value]
        case str():
            return redact(value)
    return value
