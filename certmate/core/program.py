"""One child program: its command, how it is started, and where its output goes.

The start is arranged so that the child cannot outlive its parent: it sits in a process group of its
own and asks the kernel for a signal at the parent's death.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

TAIL_LINES = 20
LONGEST_LINE = 64 * 1024

_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Program:
    """What to run and how to treat it.

    `is_ready` holds back the programs after it until it answers True; `ready_text` is shown then.
    `before_start` runs before each start and must not raise. `orphan_signal` is what the kernel
    sends to the child if its parent dies without stopping it. Lines of output with one of the
    `noise` texts are only shown after a crash.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    stop_within: float = 15.0
    orphan_signal: signal.Signals = signal.SIGKILL
    before_start: Callable[[], None] | None = None
    is_ready: Callable[[], bool] | None = None
    ready_text: str = ""
    noise: tuple[bytes, ...] = ()


def spawn(program: Program, *, keep_open: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start the program with its output on a pipe. Raises OSError.

    Only for the main thread of a process with no other threads: the kernel counts the death of the
    starting thread as the parent's, and code between fork and exec may not meet another's lock.
    """
    parent = os.getpid()

    def before_exec() -> None:
        if sys.platform == "linux":
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(program.orphan_signal))
        if os.getppid() != parent:  # It died before the kernel was asked to tell.
            os._exit(1)

    return subprocess.Popen(
        program.argv,
        env=None if program.env is None else dict(program.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=keep_open,
        preexec_fn=before_exec,
        process_group=0,  # Ctrl-C must reach only the parent, which knows the order.
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever of its group is left, such as workers whose parent crashed."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Nobody is left; macOS says EPERM for a group of which only a zombie is left.
        return


class Outlet:
    """Our own output, shared by all children: it drops text rather than wait for a reader for ever.

    A full pipe that nobody reads would otherwise stop the supervisor, and with it every stop.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_stuck = False
        self._is_closed = False

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and self._takes_more():
            try:
                written = os.write(self._descriptor, rest[: select.PIPE_BUF])
            except OSError:  # The terminal or the reader is gone; the work goes on.
                self._is_closed = True
                return
            rest = rest[written:]

    def _takes_more(self) -> bool:
        if self._is_closed:
            return False
        ready = select.select([], [self._descriptor], [], 0 if self._is_stuck else 1.0)[1]
        self._is_stuck = not ready
        return bool(ready)


class Output:
    """A child's output as whole lines to the outlet, with the last ones kept for a post-mortem."""

    def __init__(
        self, outlet: Outlet, tail: deque[bytes], *, noise: tuple[bytes, ...] = ()
    ) -> None:
        self._outlet = outlet
        self._tail = tail
        self._noise = noise
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take what was read; no data means the end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._rest and (not data or len(self._rest) > LONGEST_LINE):
            lines.append(self._rest)
            self._rest = b""
        self._tail.extend(lines)
        shown = [line for line in lines if not any(text in line for text in self._noise)]
        if shown:
            self._outlet.write(b"\n".join(shown) + b"\n")
