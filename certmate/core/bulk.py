"""Many rows inserted at a fraction of what `bulk_create` costs, for those who write thousands a
second.

The same values by the same fields: what differs is that equal instants are converted once, that
plain texts and numbers are not converted at all, and that nothing is asked of each object.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, connections, models
from django.db.models.base import ModelState

M = TypeVar("M", bound=models.Model)

_MOST_PARAMETERS = 30_000
"""PostgreSQL takes 65535 in one statement."""

_PLAIN = (models.CharField, models.TextField, models.IntegerField, models.BooleanField)
_SHARED = (datetime, UUID)


def new(model: type[M], **values: Any) -> M:
    """An object to be inserted, at a third of what `Model(...)` costs: from the values of its
    columns (`team_id`), and from objects that it points to, which are not looked at. Raises
    TypeError for what the model does not have.
    """
    made = model.__new__(model)
    state = made._state = ModelState()
    own = made.__dict__
    same, anew = _defaults(model)
    own.update(same)
    for name, default in anew.items():
        own[name] = default()
    for name, value in values.items():
        if name in same:
            own[name] = value
        elif (column := f"{name}_id") in same:
            state.fields_cache[name] = value
            own[column] = None if value is None else value.pk
        else:
            raise TypeError(f"{model.__name__} has no column {name}")
    return made


@lru_cache(maxsize=64)
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]]]:
    """The defaults of all columns, and how those are made that each row has for itself."""
    defaults = {
        field.attname: field.default if field.has_default() else field.get_default()
        for field in model._meta.concrete_fields
    }
    return defaults, {name: made for name, made in defaults.items() if callable(made)}


def insert_all(objects: Sequence[models.Model]) -> None:
    """Insert new objects of one model; each has its primary key afterwards.

    Sends no signals. Unsaved objects that they point to must have been inserted before. On SQLite
    the caller's transaction is open.
    """
    if not objects:
        return
    plan = _plan(type(objects[0]), connection.vendor)
    rows = plan.rows(objects)
    with connection.cursor() as cursor:
        if not plan.returns:
            cursor.executemany(plan.statement(1), rows)
        elif connection.vendor == "sqlite":
            _insert_numbered(cursor, plan, objects, rows)
        else:
            _insert_returning(cursor, plan, objects, rows)
    for one in objects:
        one._state.adding = False
        one._state.db = connection.alias


def _insert_numbered(
    cursor: Any, plan: "_Plan", objects: Sequence[models.Model], rows: list[list[Any]]
) -> None:
    """SQLite prepares one statement for all; nobody else writes, so the numbers have no gaps."""
    cursor.executemany(plan.statement(1), rows)
    cursor.execute("SELECT last_insert_rowid()")
    (last,) = cursor.fetchone()
    for pk, one in enumerate(objects, start=last - len(objects) + 1):
        one.pk = pk


def _insert_returning(
    cursor: Any, plan: "_Plan", objects: Sequence[models.Model], rows: list[list[Any]]
) -> None:
    """The rows of one statement get their numbers in their order."""
    at_once = max(1, _MOST_PARAMETERS // len(plan.columns))
    for start in range(0, len(objects), at_once):
        chunk = rows[start : start + at_once]
        values = [value for row in chunk for value in row]
        cursor.execute(plan.statement(len(chunk)) + plan.returning, values)
        numbers = sorted(pk for (pk,) in cursor.fetchall())
        for one, pk in zip(objects[start : start + at_once], numbers, strict=True):
            one.pk = pk


class _Plan:
    """How rows of one model are read and inserted."""

    def __init__(self, model: type[models.Model]) -> None:
        fields = [
            field
            for field in model._meta.concrete_fields
            if not isinstance(field, models.AutoField | models.BigAutoField)
        ]
        quote = connection.ops.quote_name
        self.columns = [(field.attname, field, _kind(field)) for field in fields]
        self.returns = len(fields) < len(model._meta.concrete_fields)
        self.returning = f" RETURNING {quote(str(model._meta.pk.column))}"
        names = ", ".join(quote(str(field.column)) for field in fields)
        self._head = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES "  # noqa: S608
        self._row = f"({', '.join(['%s'] * len(fields))})"

    def statement(self, rows: int) -> str:
        return self._head + ", ".join([self._row] * rows)

    def rows(self, objects: Sequence[models.Model]) -> list[list[Any]]:
        """The values of each object, as the database takes them."""
        return list(map(self._reader({}), objects))

    def _reader(self, seen: dict[Any, Any]) -> Callable[[models.Model], list[Any]]:
        # The connection itself: the proxy costs more than many a conversion.
        database = connections[connection.alias]

        def read(one: models.Model) -> list[Any]:
            values, row = one.__dict__, []
            for number, (name, field, kind) in enumerate(self.columns):
                value = field.pre_save(one, True) if kind is _Kind.FILLS_IN else values[name]
                if value is None or (kind is _Kind.PLAIN and isinstance(value, str | int)):
                    row.append(value)
                    continue
                # Instants, keys of others, and what is empty, are the same in many rows.
                shared = isinstance(value, _SHARED) or not value
                key = (number, value if value else repr(value)) if shared else None
                if key is None or key not in seen:
                    prepared = field.get_db_prep_save(value, database)
                    if key is None:
                        row.append(prepared)
                        continue
                    seen[key] = prepared
                row.append(seen[key])
            return row

        return read


class _Kind(Enum):
    PLAIN = "plain"
    FILLS_IN = "fills in"
    OTHER = "other"


def _kind(field: Any) -> _Kind:
    # A column that fills itself in, or encrypts, does so when it is saved.
    if type(field).pre_save not in (models.Field.pre_save, models.ForeignKey.pre_save):
        return _Kind.FILLS_IN
    target = field.target_field if field.remote_field else field
    is_plain = isinstance(target, (*_PLAIN, models.AutoField, models.BigAutoField))
    return _Kind.PLAIN if is_plain else _Kind.OTHER


@lru_cache(maxsize=64)
def _plan(model: type[models.Model], vendor: str) -> _Plan:
    return _Plan(model)
