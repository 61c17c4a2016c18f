"""A real PKCS #11 token in software (SoftHSM), configured as the token of this process."""

import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.test import override_settings

PIN = "a-pin-of-the-tests"
LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so")


@dataclass(frozen=True)
class SoftHSM:
    """A token with a label that no other has, so that an open session to it is never mistaken."""

    module: str
    label: str
    folder: Path

    @property
    def pin(self) -> str:
        return PIN


def library() -> str:
    """Where Debian and the program's own makefile put it."""
    for path in LIBRARIES:
        if Path(path).exists():
            return path
    raise FileNotFoundError("SoftHSM is not installed (Debian: softhsm2).")


@contextmanager
def softhsm() -> Iterator[SoftHSM]:
    """An empty token. The environment and Django's settings name it as long as this lasts."""
    with tempfile.TemporaryDirectory(prefix="softhsm-") as name:
        folder = Path(name)
        configuration = folder / "softhsm2.conf"
        (folder / "tokens").mkdir()
        configuration.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
        token = SoftHSM(library(), f"test-{secrets.token_hex(8)}", folder / "tokens")
        before = os.environ.get("SOFTHSM2_CONF")
        os.environ["SOFTHSM2_CONF"] = str(configuration)
        try:
            _initialise(token)
            with override_settings(
                CERTMATE_PKCS11_MODULE=token.module,
                CERTMATE_PKCS11_TOKEN=token.label,
                CERTMATE_PKCS11_PIN=token.pin,
            ):
                yield token
        finally:
            if before is None:
                del os.environ["SOFTHSM2_CONF"]
            else:
                os.environ["SOFTHSM2_CONF"] = before


def _initialise(token: SoftHSM) -> None:
    command = ["softhsm2-util", "--init-token", "--free", "--label", token.label]
    pins = ["--pin", token.pin, "--so-pin", token.pin]
    done = subprocess.run([*command, *pins], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{done.stdout}{done.stderr}")
