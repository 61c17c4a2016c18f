"""`manage.py serve`: the web, the worker and the scheduler of one machine, with their broker."""

import functools
import http.client
import logging
import os
import signal
import socket
import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from certmate.core import broker
from certmate.core.errors import CertMateError
from certmate.core.program import Program
from certmate.core.supervisor import Supervisor, hold_alone

logger = logging.getLogger(__name__)

EPILOG = "Example: manage.py serve --port 8080. Stop it with Ctrl-C or SIGTERM."

WEB_PROCESSES, WEB_THREADS = 2, 8
# More than orders take at once (certificates.tasks), so that the sweeps always find one.
WORKER_THREADS = 10
WORKER_PATIENCE_SECONDS = 30.0


class Command(BaseCommand):
    # `bootstrap` and the worker run them; here they would load all URLs and forms for nothing.
    requires_system_checks = ()
    help = (
        "Serve the web, the worker and the scheduler on this machine, and the embedded broker "
        f"unless CERTMATE_BROKER_URL names another. {EPILOG}"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
        )
        parser.add_argument(
            "--port",
            type=_port,
            default=settings.PORT,
            help="port to listen on (default: PORT, now %(default)s)",
        )

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        run_dir: Path = settings.DATA_DIR / "run"
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock = hold_alone(run_dir / "serve.lock")
            _check_free(host, port)
            programs = _programs(host, port)
        except CertMateError as error:
            raise CommandError(error.detail) from error
        self.stdout.flush()
        code = Supervisor(programs, output=sys.stdout.fileno(), keep_open=[lock]).run()
        if code:
            sys.exit(code)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ArgumentTypeError(f"must be a whole number from 1 to 65535, not {text!r}")
    return int(text)


def _check_free(host: str, port: int) -> None:
    """Say why the address cannot be used before anything is started for it."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CommandError(
            f"{host} is not an address of this machine ({error.strerror})."
        ) from error
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host} port {port} ({error.strerror}). "
                "Stop what uses it, or set PORT to another."
            ) from error


def _programs(host: str, port: int) -> list[Program]:
    """In the order of their start; the web is last because its answer means that all is there."""
    environment = _environment(port)
    embedded = [_broker()] if settings.CERTMATE_EMBEDDED_BROKER else []
    # It warns root because of pickled messages; ours are JSON.
    as_root = "ignore:You're running the worker with superuser privileges"
    celery = (sys.executable, "-W", as_root, "-m", "celery", "--app", "certmate", "--quiet")
    return [
        *embedded,
        Program(
            name="worker",
            argv=(
                *(*celery, "worker", "--loglevel", "WARNING", "--pool", "threads"),
                *("--concurrency", str(WORKER_THREADS)),
                # Talk between workers that a single one does not need.
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ),
            env=environment,
            stop_within=WORKER_PATIENCE_SECONDS,
            before_start=_restore_interrupted if embedded else None,
        ),
        Program(
            name="scheduler",
            # Only `hold_alone` says who may run: a pid file would outlive a SIGKILL.
            argv=(*celery, "beat", "--loglevel", "WARNING", "--pidfile="),
            env=environment,
        ),
        _web(host, port, environment),
    ]


def _environment(port: int) -> dict[str, str]:
    """Ours, with the project importable from any working directory and the port really used."""
    paths = [str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "PORT": str(port)}


def _broker() -> Program:
    path = broker.socket_path(settings.DATA_DIR)
    return Program(
        name="broker",
        argv=broker.command(settings.DATA_DIR),
        # It ends within milliseconds and writes its file properly on the way.
        orphan_signal=signal.SIGTERM,
        is_ready=functools.partial(broker.answers, path),
        noise=broker.NOISE,
    )


def _restore_interrupted() -> None:
    """Hand on at once what a killed worker was doing; `hold_alone` makes sure that none is left."""
    try:
        broker.restore_interrupted(
            settings.CELERY_BROKER_URL, settings.CELERY_BROKER_TRANSPORT_OPTIONS
        )
    except (OSError, KombuError, RedisError):
        logger.warning(
            "interrupted messages could not be restored; the sweep finds their orders",
            exc_info=True,
        )


def _web(host: str, port: int, environment: dict[str, str]) -> Program:
    shown = f"[{host}]" if ":" in host else host
    memory = "/dev/shm"  # noqa: S108 - gunicorn unlinks its file there at once.
    return Program(
        name="web",
        argv=(
            *(sys.executable, "-m", "gunicorn", "certmate.wsgi:application"),
            *("--bind", f"{shown}:{port}", "--log-level", "warning"),
            *(
                "--worker-class",
                "gthread",
                "--workers",
                str(WEB_PROCESSES),
                "--threads",
                str(WEB_THREADS),
            ),
            *("--timeout", "60", "--graceful-timeout", "10", "--no-control-socket", "--preload"),
            # Whether a proxy is believed is said by CERTMATE_BEHIND_PROXY alone.
            *("--forwarded-allow-ips", ""),
            # The workers' sign of life is a file; on a slow disk it would be late.
            *(("--worker-tmp-dir", memory) if os.access(memory, os.W_OK) else ()),
        ),
        env=environment,
        # gunicorn tells its workers; if it is itself killed, they notice within a second.
        orphan_signal=signal.SIGQUIT,
        is_ready=functools.partial(_answers, host, port),
        ready_text=f"CertMate is serving on http://{shown}:{port}/",
    )


def _answers(host: str, port: int) -> bool:
    """Whether /health is answered; a redirect or a refused Host header is an answer too."""
    wildcards = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - a client.
    reachable = wildcards.get(host, host)
    connection = http.client.HTTPConnection(reachable, port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
