"""The configured master keys: from CERTMATE_MASTER_KEY, else from the data directory's file.

The file is read again when it changes, so that a rotation reaches running processes.
"""

import os
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from certmate.core.secrets import Keyring, parse_keyring

_cached: tuple[Path, int, Keyring] | None = None


def keyring() -> Keyring:
    """The keys in use now. Raises ImproperlyConfigured if there is none that makes sense."""
    try:
        if settings.CERTMATE_MASTER_KEY:
            return parse_keyring(settings.CERTMATE_MASTER_KEY)
        return _from_file(settings.CERTMATE_MASTER_KEY_FILE)
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(
            "CERTMATE_MASTER_KEY is not set to base64 keys of 32 bytes, and there is no usable "
            f"{settings.CERTMATE_MASTER_KEY_FILE}. Run `manage.py bootstrap` or restore the file."
        ) from error


def _from_file(path: Path) -> Keyring:
    global _cached
    changed = path.stat().st_mtime_ns
    if _cached is None or _cached[:2] != (path, changed):
        _cached = (path, changed, parse_keyring(path.read_text(encoding="ascii")))
    return _cached[2]


def store(path: Path, keys: list[str]) -> None:
    """Replace the key file in one step, so that no reader finds half of it."""
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write("\n".join(keys) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
