"""The tests that depend on the database, run by a pytest of their own on another database."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

TESTED = (
    "tests/access",
    "tests/audit",
    "tests/certificates",
    "tests/core",
    "tests/providers",
    "tests/rest",
    "tests/signin",
    "tests/storage",
)


@dataclass(frozen=True)
class Suite:
    """A running pytest; its output goes to a file, because nobody reads a pipe meanwhile."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]

    def result(self) -> tuple[int, str]:
        """Wait for the end: the exit status and what was printed."""
        status = self.process.wait()
        self.output.seek(0)
        return status, self.output.read().decode()


@contextmanager
def suite(database_url: str) -> Iterator[Suite]:
    """Started, and ended at the latest with the block."""
    environment = os.environ | {"CERTMATE_TEST_DATABASE_URL": database_url}
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not integration and not browser"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*command, *TESTED], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield Suite(process, output)
        finally:
            process.kill()
            process.wait()
