"""The tests of what depends on the database, on PostgreSQL as well; `make test` runs them last."""

import os
import subprocess
import sys

from tests.servers.postgresql import postgresql

TESTED = (
    "tests/access",
    "tests/audit",
    "tests/certificates",
    "tests/clients",
    "tests/core",
    "tests/providers",
    "tests/rest",
    "tests/signin",
    "tests/storage",
)


def main(arguments: list[str]) -> int:
    with postgresql() as url:
        chosen = ("-m", "not integration and not browser", *arguments, *TESTED)
        done = subprocess.run(
            (sys.executable, "-m", "pytest", *chosen),
            env=os.environ | {"CERTMATE_TEST_DATABASE_URL": url},
            check=False,
        )
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
