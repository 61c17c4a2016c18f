"""What depends on the database, on PostgreSQL: the same tests, in a process of their own.

It runs beside the other tests on the second core; `tests/conftest.py` starts it first and asks for
its result last.
"""

import pytest

from tests.servers.suite import Suite

pytestmark = pytest.mark.integration


def test_the_suite_passes_on_postgresql(suite_on_postgresql: Suite) -> None:
    status, output = suite_on_postgresql.result()
    assert status == 0, output
    assert " passed" in output
