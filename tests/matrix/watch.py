"""What a call writes to the database, seen at the database itself.

Nothing may be written for a call that is refused, not even by a statement that is rolled back: who
may not do a thing is told so ahead of everything else.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

_WRITE = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM)\s+"(\w+)"', re.IGNORECASE)

BOOKKEEPING = re.compile(r"audit\w*|django_session|usersessions_usersession")
"""Tables that any call may write to, because they are about the call: refusals are told of."""


@contextmanager
def writes() -> Iterator[list[str]]:
    """The statements within the block that write, as `UPDATE table`, without the bookkeeping."""
    seen: list[str] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found = _WRITE.match(sql)
        if found is not None and not BOOKKEEPING.fullmatch(found[2]) and not _is_use(sql):
            seen.append(f"{found[1].upper()} {found[2]}")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield seen


def _is_use(sql: str) -> bool:
    """That a token is used is written into its row, and nothing else of it."""
    return sql.startswith('UPDATE "access_apitoken" SET "last_used_at" = %s WHERE')
