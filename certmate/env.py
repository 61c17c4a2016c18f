"""Strict readers of the environment: a value that makes no sense stops the start with its name.

Every secret may come from a file named by `NAME_FILE`, as orchestrators mount them. Knows nothing
of Django's settings, which are built from it.
"""

import base64
import ipaddress
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

SECRET_KEY_FILE = "secret.key"  # noqa: S105 - a file name
MASTER_KEY_FILE = "master.key"


def text(name: str, default: str = "") -> str:
    """The variable without surrounding space; the default if it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def boolean(name: str, *, default: bool = False) -> bool:
    value = text(name).lower()
    if not value:
        return default
    if value not in ("true", "false"):
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value == "true"


def integer(name: str, default: int, *, low: int, high: int) -> int:
    value = text(name)
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        raise ImproperlyConfigured(
            f"{name} must be a whole number from {low} to {high}, not {value!r}."
        )
    return int(value)


def words(name: str) -> list[str]:
    """A comma-separated list without empty items."""
    return [item.strip() for item in text(name).split(",") if item.strip()]


def resolvers(name: str) -> list[str]:
    """Addresses of DNS resolvers, each with `:port` where it is not 53; none means the system's."""
    found = words(name)
    for item in found:
        try:
            parts = urlsplit(f"//{item}")
            ipaddress.ip_address(parts.hostname or "")
            is_valid = parts.port is None or parts.port > 0
        except ValueError:
            is_valid = False
        if not is_valid:
            raise ImproperlyConfigured(
                f"{name} must list addresses such as 192.0.2.1 or [2001:db8::1]:5353, not {item!r}."
            )
    return found


def choice(name: str, default: str, *, choices: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def secret_url(name: str, default: str, *, schemes: tuple[str, ...]) -> str:
    """A URL that may carry a password: never repeated, and read from NAME_FILE as well."""
    value = secret(name) or default
    try:
        scheme = urlsplit(value).scheme
    except ValueError:
        scheme = ""
    if scheme not in schemes:
        known = ", ".join(f"{scheme}://" for scheme in schemes)
        raise ImproperlyConfigured(f"{name} must be a URL that starts with one of: {known}.")
    return value


def optional_url(name: str, *, schemes: tuple[str, ...]) -> str:
    """As `secret_url`, but "" where it is not set."""
    return secret_url(name, "", schemes=schemes) if secret(name) else ""


def place(name: str) -> str:
    """A unix socket's path or host:port, or "" where it is not set."""
    value = text(name)
    host, _, port = value.rpartition(":")
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if value and not value.startswith("/") and not (host and is_port):
        raise ImproperlyConfigured(f"{name} must be /a/socket or host:port, not {value!r}.")
    return value


def absolute_path(name: str) -> str:
    """A file that may come and go with its disk or driver, or "" where none is named."""
    value = text(name)
    if value and not Path(value).is_absolute():
        raise ImproperlyConfigured(f"{name} must be an absolute path, not {value!r}.")
    return value


def together(values: Mapping[str, str]) -> None:
    """Variables that have no meaning without each other: all of them, or none."""
    missing = [name for name, value in values.items() if not value]
    if missing and len(missing) < len(values):
        present = next(name for name, value in values.items() if value)
        raise ImproperlyConfigured(f"{present} is set, but {missing[0]} is not.")


def base_url(name: str, default: str) -> str:
    """An http or https origin without a path, such as https://certmate.example.com."""
    value = text(name, default).rstrip("/")
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid, parts = False, urlsplit("")
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not port_is_valid
        or parts.username
        or parts.path
        or parts.query
        or parts.fragment
    ):
        raise ImproperlyConfigured(f"{name} must be http(s)://host[:port] and nothing else.")
    return value


def data_dir() -> Path:
    return Path(text("CERTMATE_DATA_DIR", "data")).expanduser().resolve()


def secret(name: str, *, file: Path | None = None) -> str:
    """A secret from NAME, from the file that NAME_FILE names, or from `file` if that exists."""
    value, path = text(name), text(f"{name}_FILE")
    if value and path:
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE, not both.")
    if path:
        value = _read(Path(path), f"{name}_FILE")
        if not value:
            raise ImproperlyConfigured(f"The file that {name}_FILE names is empty.")
    if not value and file is not None and file.exists():
        value = _read(file, name)
    return value


def required_secret(name: str, *, file: Path) -> str:
    value = secret(name, file=file)
    if not value:
        raise ImproperlyConfigured(
            f"There is no {name}, and {file} does not exist. "
            "Run `manage.py bootstrap` once, or set the variable."
        )
    return value


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"{name}: {path} cannot be read ({type(error).__name__})."
        ) from error


def create_local_secrets() -> None:
    """Make the data directory and, where the environment gives none, its two secrets (mode
    0600).
    """
    directory = data_dir()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, file, value in (
        ("CERTMATE_SECRET_KEY", SECRET_KEY_FILE, secrets.token_urlsafe(64)),
        (
            "CERTMATE_MASTER_KEY",
            MASTER_KEY_FILE,
            base64.b64encode(secrets.token_bytes(32)).decode(),
        ),
    ):
        if not secret(name, file=directory / file):
            write_secret_file(directory / file, value)


def write_secret_file(path: Path, value: str) -> None:
    """Write a new file of mode 0600 that is complete or absent; an existing one stays as it is."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(value + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass  # Another start was faster; its secret is the one that counts.
    finally:
        temporary.unlink()
