"""What depends on the database, on PostgreSQL: the same tests, in a process of their own."""

import os
import subprocess
import sys

import pytest

from tests.servers.postgresql import postgresql

pytestmark = pytest.mark.integration

TESTED = (
    "tests/core",
    "tests/certificates",
    "tests/storage",
    "tests/providers",
    "tests/rest",
    "tests/signin",
    "tests/audit",
)


def test_the_suite_passes_on_postgresql() -> None:
    with postgresql() as url:
        environment = os.environ | {"CERTMATE_TEST_DATABASE_URL": url}
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not integration and not browser"]
        done = subprocess.run(
            [*command, *TESTED], env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
