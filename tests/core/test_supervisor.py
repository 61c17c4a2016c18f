"""The supervisor over real processes: each test starts one and reads what all of them say."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from certmate.core.errors import Conflict
from certmate.core.supervisor import hold_alone

LIMIT_SECONDS = 20
QUICK = {"first_pause": 0.01, "longest_pause": 0.05, "tick": 0.01, "same_signal": 0.0}


class Run:
    """A supervisor in a process of its own, and its output so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._rest = b""

    def read_until(self, wanted: str) -> str:
        """The first new line with this text; fails when it does not come."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        while True:
            while b"\n" in self._rest:
                line, self._rest = self._rest.split(b"\n", 1)
                self.lines.append(line.decode())
                if wanted in self.lines[-1]:
                    return self.lines[-1]
            ready, _, _ = select.select([descriptor], [], [], LIMIT_SECONDS)
            data = os.read(descriptor, 65536) if ready else b""
            assert data, f"{wanted!r} did not come: {self.lines}"
            self._rest += data

    def finish(self) -> int:
        rest, _ = self.process.communicate(timeout=LIMIT_SECONDS)
        self.lines += (self._rest + rest).decode().splitlines()
        return self.process.returncode


@contextmanager
def supervised(*programs: dict[str, Any], lock: Path | None = None, **pace: float) -> Iterator[Run]:
    specification = {
        "programs": programs,
        "pace": {**QUICK, **pace},
        "lock": str(lock) if lock else None,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.core.supervise", json.dumps(specification)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield Run(process)
    finally:
        process.kill()
        process.communicate()


def shell(name: str, script: str, **described: Any) -> dict[str, Any]:
    return {"name": name, "argv": ["/bin/sh", "-c", script], **described}


LASTING = """
import os, signal, sys
name, last_words = sys.argv[1:]
def end(*_):
    if last_words:
        os.write(1, f"{name} {last_words}\\n".encode())
        os._exit(0)
signal.signal(signal.SIGTERM, end)
os.write(1, f"{name} is {os.getpid()}\\n".encode())
while True:
    signal.pause()
"""


def lasting(name: str, last_words: str = "ends", **described: Any) -> dict[str, Any]:
    """Says its process id, and on SIGTERM its last words; without such it does not end."""
    argv = [sys.executable, "-I", "-S", "-c", LASTING, name, last_words]
    return {"name": name, "argv": argv, **described}


def stubborn(name: str, **described: Any) -> dict[str, Any]:
    return lasting(name, last_words="", **described)


def process_id(line: str) -> int:
    return int(line.rsplit(" ", 1)[1])


@contextmanager
def watched(*process_ids: int) -> Iterator[list[int]]:
    """Descriptors that become readable when these processes have ended."""
    with ExitStack() as stack:
        descriptors = [os.pidfd_open(pid) for pid in process_ids]
        for descriptor in descriptors:
            stack.callback(os.close, descriptor)
        yield descriptors


def all_ended(descriptors: list[int]) -> bool:
    return all(select.select([one], [], [], LIMIT_SECONDS)[0] for one in descriptors)


def test_a_program_that_is_not_ready_holds_back_the_next(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    first = shell("first", f"echo one; touch {ready}; exec sleep 60", ready_file=str(ready))
    second = shell("second", f"test -e {ready} && echo two; exec sleep 60")
    with supervised({**first, "ready_text": "first is there"}, second) as run:
        run.read_until("two")
    assert run.lines == ["one", "first is there", "two"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_all_in_reverse_order(number: signal.Signals) -> None:
    with supervised(lasting("first"), lasting("second")) as run:
        run.read_until("is")
        run.read_until("is")
        run.process.send_signal(number)
        assert run.finish() == 0
    assert run.lines[2:] == ["Stopping second, first.", "second ends", "first ends", "Stopped."]


def test_a_program_that_died_is_started_again(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"test -e {mark} && echo again && exec sleep 60; touch {mark}; exit 3"
    with supervised(shell("web", script)) as run:
        run.read_until("again")
    assert run.lines[0] == "WARNING web ended with exit code 3; it is started again in 0.01 s"


def test_pauses_between_starts_grow_to_a_limit() -> None:
    with supervised(shell("web", "exit 1"), deaths_allowed=7) as run:
        assert run.finish() == 1
    pauses = [line.rsplit(" ", 2)[1] for line in run.lines if "started again" in line]
    assert pauses == ["0.01", "0.02", "0.04", "0.05", "0.05", "0.05"]


def test_a_program_that_keeps_dying_at_the_start_stops_everything() -> None:
    crashing = shell("worker", "echo no such module >&2; exit 1")
    with supervised(lasting("broker"), crashing) as run:
        assert run.finish() == 1
    report = run.lines.index(
        "ERROR worker ended with exit code 1, 5 times in a row: everything is stopped. "
        "Its last lines:"
    )
    assert run.lines[report + 1 : report + 6] == ["no such module"] * 5
    assert run.lines[-3:] == ["Stopping broker.", "broker ends", "Stopped."]


def test_a_program_that_has_run_long_is_never_given_up(tmp_path: Path) -> None:
    deaths = tmp_path / "deaths"
    script = (
        f"echo x >>{deaths}; test $(wc -l <{deaths}) -lt 9 || {{ echo still here; exec sleep 60; }}"
    )
    with supervised(shell("web", script), steady_after=0.0) as run:
        run.read_until("still here")
    assert sum("started again" in line for line in run.lines) == 8


def test_a_command_that_does_not_exist_is_told_and_stops_everything(tmp_path: Path) -> None:
    with supervised({"name": "broker", "argv": [str(tmp_path / "absent")]}) as run:
        assert run.finish() == 1
    assert "broker could not be started, 5 times in a row" in "\n".join(run.lines)
    assert "No such file or directory" in run.lines[-2]


def test_a_program_that_ignores_the_stop_is_killed_at_its_limit() -> None:
    with supervised(stubborn("worker", stop_within=0.2)) as run:
        run.read_until("is")
        run.process.terminate()
        assert run.finish() == 0
    assert run.lines[-1] == "Stopped."


def test_a_second_signal_does_not_wait() -> None:
    patient = stubborn("worker", stop_within=600)
    with supervised(patient, stop_notice=0.0, forced_stop=0.0) as run:
        run.read_until("is")
        run.process.send_signal(signal.SIGINT)
        run.read_until("Waiting up to 600 s for the worker to finish; press Ctrl-C again")
        run.process.send_signal(signal.SIGINT)
        assert run.finish() == 0


def test_the_same_stop_that_arrives_twice_does_not_force(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    wait = f"read _ <{gate}"
    script = f"trap 'echo finishing; {wait}; echo finished; exit 0' TERM; echo up; {wait}"
    careful = shell("worker", script, stop_within=600)
    with supervised(careful, same_signal=600.0, forced_stop=0.0) as run:
        run.read_until("up")
        run.process.terminate()
        run.read_until("finishing")
        run.process.terminate()
        gate.write_text("go\n")
        assert run.finish() == 0
    assert "finished" in run.lines


def test_no_child_outlives_a_killed_supervisor() -> None:
    with supervised(lasting("first"), lasting("second")) as run:
        children = [process_id(run.read_until("is")) for _ in range(2)]
        with watched(*children) as descriptors:
            run.process.kill()
            assert all_ended(descriptors)


def test_what_a_crash_leaves_of_the_group_is_ended() -> None:
    script = "sleep 600 & echo left $!; kill -9 $$"
    with supervised(shell("web", script), first_pause=600.0, longest_pause=600.0) as run:
        left = process_id(run.read_until("left"))
        with watched(left) as descriptors:
            assert all_ended(descriptors)
        assert "web was ended by SIGKILL" in run.read_until("started again")


def test_output_that_nobody_reads_does_not_hold_up_the_stop() -> None:
    with supervised(shell("web", "exec yes")) as run:
        run.read_until("y")
        run.process.terminate()
        assert run.process.wait(LIMIT_SECONDS) == 0


def test_noise_is_shown_after_a_crash_only() -> None:
    crashing = shell("broker", "echo some advice; exit 1", noise=["advice"])
    with supervised(crashing) as run:
        assert run.finish() == 1
    report = next(place for place, line in enumerate(run.lines) if "Its last lines" in line)
    assert "some advice" not in run.lines[:report]
    assert run.lines[report + 1] == "some advice"


def test_children_are_not_in_the_group_that_the_terminal_signals() -> None:
    with supervised(lasting("web")) as run:
        child = process_id(run.read_until("is"))
        assert os.getpgid(child) == child


def test_a_held_directory_is_refused_with_the_holder_named(tmp_path: Path) -> None:
    lock = tmp_path / "run" / "serve.lock"
    lock.parent.mkdir()
    with supervised(lasting("web"), lock=lock) as run:
        run.read_until("is")
        with pytest.raises(Conflict, match=f"process {run.process.pid}") as refused:
            hold_alone(lock)
    assert refused.value.code == "serve.already_running"


def test_the_lock_is_free_again_once_a_killed_supervisor_and_its_children_are_gone(
    tmp_path: Path,
) -> None:
    lock = tmp_path / "serve.lock"
    with supervised(lasting("web"), lock=lock) as run:
        run.read_until("is")
        run.process.kill()
        run.process.wait()
        os.close(hold_alone(lock))
    assert lock.read_text() == f"{os.getpid()}\n"


def test_a_child_that_still_runs_keeps_the_lock_of_its_dead_supervisor(tmp_path: Path) -> None:
    lock = tmp_path / "serve.lock"
    with supervised(stubborn("web", orphan_signal=signal.SIGTERM), lock=lock) as run:
        child = process_id(run.read_until("is"))
        run.process.kill()
        run.process.wait()
        with pytest.raises(Conflict, match="A child of an earlier `serve` still works"):
            hold_alone(lock, patience=0.0)
        os.killpg(child, signal.SIGKILL)
