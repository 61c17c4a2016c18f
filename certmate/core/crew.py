"""A process that makes keys and signs, beside the one that has the database and its own to do.

For a few rows a process is not worth its start: then the same work is done here.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

SMALL = 100
"""So few rows are done before a process has started."""

_PR_SET_PDEATHSIG = 1


class Crew(Protocol):
    """Takes work and promises its result."""

    def submit(self, work: Callable[..., T], /, *args: Any) -> "Future[T]": ...


class Alone:
    """A crew of nobody: what is submitted is done at once."""

    def submit(self, work: Callable[..., T], /, *args: Any) -> "Future[T]":
        future: Future[T] = Future()
        future.set_result(work(*args))
        return future


@contextmanager
def crew_for(rows: int, *, niceness: int = 0) -> Iterator[Crew]:
    """A crew for so many rows; one of a higher niceness gives way to the others of this machine."""
    if rows < SMALL:
        yield Alone()
        return
    # Spawned: a fork would copy the threads' locks and the database connections of a worker.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, context, initializer=_follow, initargs=(os.getpid(), niceness))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _follow(parent: int, niceness: int) -> None:
    """End with the worker, also when that is killed; leave its Ctrl-C to it."""
    os.nice(niceness)
    # Nothing that is done here makes cycles, and to look for them takes a tenth of the time.
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit(1)
