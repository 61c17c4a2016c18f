"""Tampering with the log as somebody with a database client would."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from certmate.audit import verification
from certmate.audit.faults import Fault


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def fault() -> Fault:
    found = verification.verify().fault
    assert found is not None
    with pytest.raises(CommandError, match=found.kind):
        call_command("verify_audit")
    return found


class Middle(int):
    """The id of an entry, and its place in the tree."""

    position: int
