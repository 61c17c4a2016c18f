"""Where checkpoints go besides the database, so that who can write to it cannot take rows back
unseen.

By default an append-only file in the data directory; by environment syslog and a webhook; and
whatever an app has registered. A place that fails is told again at the next sealing, of the newest
checkpoint then, and never holds sealing up.
"""

import base64
import json
import logging
import logging.handlers
import os
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from django.conf import settings

from certmate.audit import keys
from certmate.audit.models import Checkpoint, Delivery
from certmate.audit.notes import instant
from certmate.core import clock

logger = logging.getLogger(__name__)

Sink = Callable[[str], None]
"""Takes one line, a JSON object; raises what went wrong."""

WEBHOOK_TIMEOUT = 10
_MOST_APPENDED = 10_000

_registered: dict[str, Sink] = {}


def register(name: str, sink: Sink) -> None:
    """Pass every new checkpoint on to `sink` as well; apps call it when they are ready."""
    _registered[name] = sink


def deliver() -> None:
    """Tell each place of what it has not been told yet. Called outside any transaction."""
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None:
        return
    for name, sink in all_sinks().items():
        told, _ = Delivery.objects.get_or_create(sink=name)
        # Also where the row knows of more than there is: it may have been changed.
        if told.size != newest.size:
            _deliver(told, sink, newest)


def all_sinks() -> Mapping[str, Sink]:
    """The places in use now, by name."""
    found: dict[str, Sink] = {"file": append}
    if settings.CERTMATE_AUDIT_SYSLOG:
        found["syslog"] = to_syslog
    if settings.CERTMATE_AUDIT_WEBHOOK:
        found["webhook"] = post
    return found | _registered


def line(checkpoint: Checkpoint) -> str:
    """A checkpoint as one line: the note, and beside it what a person looks for."""
    told = {
        "size": checkpoint.size,
        "root": bytes(checkpoint.root).hex(),
        "at": instant(checkpoint.at),
        "note": checkpoint.note,
    }
    return json.dumps(told)


def path() -> Path:
    """The file of checkpoints."""
    return Path(settings.DATA_DIR) / "audit" / "checkpoints.log"


def pinned_key() -> bytes | None:
    """The public key as it was when the first checkpoint was written."""
    try:
        text = _key_path().read_text(encoding="ascii").strip()
        return base64.b64decode(text, validate=True)
    except FileNotFoundError:
        return None
    except ValueError:
        return b""


def _pin(key: bytes) -> None:
    if pinned_key() is not None:
        return
    # Whole or not at all: half a key would be taken for a swapped one.
    unfinished = _key_path().with_name(f"public-key.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(base64.b64encode(key).decode() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(unfinished, _key_path())
    finally:
        unfinished.unlink()


def _key_path() -> Path:
    return path().with_name("public-key")


def append(text: str) -> None:
    """Add a line to the file, and wait until it is on the disk."""
    path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _pin(keys.public_key())
    descriptor = os.open(path(), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab+") as stream:
        # Half a line that a full disk has left must not take this one with it.
        start = b"" if _ends_whole(stream) else b"\n"
        stream.write(start + text.encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def _ends_whole(stream: BinaryIO) -> bool:
    if stream.seek(0, os.SEEK_END) == 0:
        return True
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"


def to_syslog(text: str) -> None:
    """One message of facility authpriv (RFC 3164 §4.1.1) to a local socket or a server by UDP."""
    place: str = settings.CERTMATE_AUDIT_SYSLOG
    host, _, port = place.rpartition(":")
    address = place if place.startswith("/") else (host, int(port))
    handler = _Syslog(address=address, facility=logging.handlers.SysLogHandler.LOG_AUTHPRIV)
    try:
        handler.ident = "certmate-audit: "
        handler.emit(logging.makeLogRecord({"msg": text, "levelno": 20, "levelname": "INFO"}))
    finally:
        handler.close()


class _Syslog(logging.handlers.SysLogHandler):
    """Raises what logging would only print."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name.
        raise


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The operator named one address; nobody else chooses another."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def post(text: str) -> None:
    """POST the line to the operator's own https address; any status but 2xx is a failure."""
    request = urllib.request.Request(  # noqa: S310 - settings admit https only.
        settings.CERTMATE_AUDIT_WEBHOOK,
        data=text.encode(),
        headers={"Content-Type": "application/json", "User-Agent": "CertMate"},
        method="POST",
    )
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(request, timeout=WEBHOOK_TIMEOUT) as answer:
        answer.read(1)


def _deliver(told: Delivery, sink: Sink, newest: Checkpoint) -> None:
    missing = [newest]
    if told.sink == "file":
        later = Checkpoint.objects.filter(size__gt=told.size).order_by("size")
        missing = list(later[:_MOST_APPENDED]) or missing
    try:
        for checkpoint in missing:
            sink(line(checkpoint))
            told.size = checkpoint.size
        told.error = ""
    except Exception as error:  # noqa: BLE001 - a place may fail in any way and stops nothing.
        told.error = f"{type(error).__name__}: {_reason(error)}"[:500]
        logger.warning("A checkpoint did not reach %s: %s", told.sink, told.error)
    told.at = clock.now()
    told.save()


def _reason(error: Exception) -> str:
    """Without the address, which may hold a secret."""
    url: str = settings.CERTMATE_AUDIT_WEBHOOK
    host = urlsplit(url).hostname or "webhook"
    return str(error).replace(url, host) if url else str(error)
