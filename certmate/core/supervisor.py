"""Runs the programs of one machine as children of one process, and starts again what dies.

Knows signals and time, and nothing of what the programs do. Children are asked to end in the
reverse order of their start; none of them outlives this process, however it ends.
"""

import contextlib
import fcntl
import logging
import os
import selectors
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from certmate.core.errors import Conflict
from certmate.core.program import TAIL_LINES, Outlet, Output, Program, kill_group, spawn

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Pace:
    """How patient the supervisor is, in seconds; tests are less so."""

    first_pause: float = 1.0
    longest_pause: float = 30.0
    steady_after: float = 60.0
    deaths_allowed: int = 5
    tick: float = 0.1
    slow_start: float = 30.0
    stop_notice: float = 3.0
    forced_stop: float = 0.5
    # One Ctrl-C or stop may reach us twice, from the terminal or service and from `make`.
    same_signal: float = 1.0


@dataclass
class Child:
    """A program's present process, and what is remembered of the earlier ones."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_due: float = 0.0
    is_ready: bool = False
    is_slow: bool = False
    is_proven: bool = False
    failures: int = 0
    deaths: list[float] = field(default_factory=list)
    tail: deque[bytes] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))


def hold_alone(path: Path, *, patience: float = 5.0) -> int:
    """Lock this file for this process and the children that get the returned descriptor.

    The lock lasts until the last of them is gone. After a SIGKILL they need a moment for that, so
    the lock of a dead process is waited for. Raises Conflict.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up = time.monotonic() + patience
    while not _locked(descriptor):
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        is_alive = _is_alive(holder)
        if is_alive or time.monotonic() > give_up:
            os.close(descriptor)
            who = (
                f"Another `serve` (process {holder})"
                if is_alive
                else "A child of an earlier `serve`"
            )
            raise Conflict(
                f"{who} still works on {path.parent.parent}. "
                "Stop it, or set CERTMATE_DATA_DIR to another directory.",
                code="serve.already_running",
            )
        time.sleep(0.05)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(holder: str) -> bool:
    if not holder.isdigit():
        return False
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Supervisor:
    """Runs programs until it is told to stop or one of them cannot be kept alive.

    Only the main thread of a process may use it: signals, and the kernel's word that a parent died,
    belong to that thread. `output` is the descriptor for our lines and the children's; `keep_open`
    are descriptors that the children inherit.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        output: int,
        keep_open: Sequence[int] = (),
        pace: Pace | None = None,
    ) -> None:
        self._children = [Child(program) for program in programs]
        self._outlet = Outlet(output)
        self._keep_open = tuple(keep_open)
        self._pace = pace or Pace()
        self._selector = selectors.DefaultSelector()
        self._stops: list[float] = []
        self._has_failed = False

    def run(self) -> int:
        """Exit code 0 after a stop that was asked for, 1 if a program could not be kept alive."""
        with self._signals():
            try:
                while not self._stops and not self._has_failed:
                    self._step()
            finally:
                self._stop_all()
        return 1 if self._has_failed else 0

    def _say(self, text: str) -> None:
        self._outlet.write(text.encode() + b"\n")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Turn signals into bytes that the selector sees, so that none is missed between steps."""
        receiver, sender = socket.socketpair()
        receiver.setblocking(False)
        sender.setblocking(False)
        # Whoever ignores SIGHUP (nohup) wants to outlive the terminal.
        wanted = [
            s for s in STOP_SIGNALS if s != signal.SIGHUP or signal.getsignal(s) != signal.SIG_IGN
        ]
        before = {s: signal.signal(s, lambda *_: None) for s in (*wanted, signal.SIGCHLD)}
        wakeup = signal.set_wakeup_fd(sender.fileno())
        self._selector.register(receiver, selectors.EVENT_READ)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, action in before.items():
                signal.signal(number, action)
            self._selector.close()
            receiver.close()
            sender.close()

    def _step(self) -> None:
        for child in self._children:
            if child.process is None:
                if time.monotonic() >= child.start_due:
                    self._start(child)
            elif child.process.poll() is not None:
                self._bury(child, child.process)
            else:
                self._look_after(child)
            if child.program.is_ready is not None and not child.is_ready:
                break
        # Once all run and are ready, only a signal or output can bring news: no timer is needed.
        is_calm = all(child.process is not None and child.is_ready for child in self._children)
        self._wait(None if is_calm else self._pace.tick)

    def _start(self, child: Child) -> None:
        if child.program.before_start is not None:
            child.program.before_start()
        child.started = time.monotonic()
        try:
            child.process = spawn(child.program, keep_open=self._keep_open)
        except OSError as error:
            child.tail.append(str(error).encode())
            self._count_death(child, "could not be started")
            return
        stream = child.process.stdout
        if stream is not None:
            os.set_blocking(stream.fileno(), False)
            output = Output(self._outlet, child.tail, noise=child.program.noise)
            self._selector.register(stream, selectors.EVENT_READ, output)

    def _look_after(self, child: Child) -> None:
        if child.is_ready:
            return
        if child.program.is_ready is None or child.program.is_ready():
            child.is_ready = True
            if child.program.ready_text:
                self._say(child.program.ready_text)
        elif not child.is_slow and time.monotonic() - child.started > self._pace.slow_start:
            child.is_slow = True
            logger.warning("%s runs but does not answer yet", child.program.name)

    def _bury(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        # What a crash left of the group could still hold a port or a socket.
        kill_group(process)
        child.process = None
        code = process.returncode
        how = (
            f"was ended by {signal.Signals(-code).name}"
            if code < 0
            else f"ended with exit code {code}"
        )
        self._count_death(child, how)

    def _count_death(self, child: Child, how: str) -> None:
        now = time.monotonic()
        if now - child.started >= self._pace.steady_after:
            child.is_proven, child.failures = True, 0
        pause = min(self._pace.first_pause * 2.0**child.failures, self._pace.longest_pause)
        child.failures = min(child.failures + 1, 10)
        child.deaths = [at for at in child.deaths if now - at < self._pace.steady_after] + [now]
        if not child.is_proven and len(child.deaths) >= self._pace.deaths_allowed:
            self._wait(0)  # Its last words may still be in the pipe.
            self._has_failed = True
            last = b"\n".join(child.tail).decode(errors="replace")
            logger.error(
                "%s %s, %d times in a row: everything is stopped. Its last lines:\n%s",
                *(child.program.name, how, len(child.deaths), last),
            )
            return
        child.start_due = now + pause
        logger.warning("%s %s; it is started again in %g s", child.program.name, how, pause)

    def _stop_all(self) -> None:
        running = [child for child in reversed(self._children) if child.process is not None]
        if running:
            self._say(f"Stopping {', '.join(child.program.name for child in running)}.")
        for child in running:
            self._stop(child)
        self._wait(0)
        self._say("Stopped.")

    def _stop(self, child: Child) -> None:
        process = child.process
        if process is None:
            return
        process.terminate()
        asked, has_told = time.monotonic(), False
        while process.poll() is None:
            waited = time.monotonic() - asked
            is_forced = len(self._stops) > 1
            if waited > (self._pace.forced_stop if is_forced else child.program.stop_within):
                break
            if waited > self._pace.stop_notice and not has_told:
                has_told = True
                self._say(
                    f"Waiting up to {child.program.stop_within:g} s for the {child.program.name} "
                    "to finish; press Ctrl-C again to stop at once."
                )
            self._wait(self._pace.tick)
        kill_group(process)
        process.wait()

    def _wait(self, seconds: float | None) -> None:
        """Sleep until something happens, at most so long; take what was said and signalled."""
        for key, _ in self._selector.select(seconds):
            if isinstance(key.fileobj, socket.socket):
                self._note_signals(key.fileobj)
            else:
                self._read(key.fileobj, key.data)

    def _note_signals(self, source: socket.socket) -> None:
        now = time.monotonic()
        for number in source.recv(4096):
            is_repeat = bool(self._stops) and now - self._stops[-1] < self._pace.same_signal
            if number in STOP_SIGNALS and not is_repeat:
                self._stops.append(now)

    def _read(self, stream: Any, output: Output) -> None:
        try:
            data = os.read(stream.fileno(), 65536)
        except BlockingIOError:
            return
        output.feed(data)
        if not data:
            self._selector.unregister(stream)
            stream.close()
