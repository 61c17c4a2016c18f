"""Many rows inserted at a fraction of what `bulk_create` costs, for those who write thousands a
second.

The same values by the same fields, one column after another: what is equal is converted once, plain
texts and numbers are not converted at all, and nothing is asked of each object. Rows that are
inserted together have been created at the same instant.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection, connections, models
from django.db.models.base import ModelState

M = TypeVar("M", bound=models.Model)

_MOST_PARAMETERS = 30_000
"""PostgreSQL takes 65535 in one statement."""

_PLAIN = (models.CharField, models.TextField, models.IntegerField, models.BooleanField)
_NATIVE = frozenset({str, int, bool, type(None)})
_BY_VALUE = frozenset({datetime, type(None)})


def new(model: type[M], **values: Any) -> M:
    """An object to be inserted, at a third of what `Model(...)` costs: from the values of its
    columns (`team_id`), and from objects that it points to, which are not looked at. Raises
    TypeError for what the model does not have.
    """
    made = model.__new__(model)
    own, state = made.__dict__, ModelState()
    own["_state"] = state
    same, anew = _defaults(model)
    own.update(same)
    for name, default in anew.items():
        if name not in values:
            own[name] = default()
    for name, column in _related(model, tuple(values)):
        value = values.pop(name)
        state.fields_cache[name] = value
        own[column] = None if value is None else value.pk
    own.update(values)
    return made


@lru_cache(maxsize=64)
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]]]:
    """The defaults of all columns, and how those are made that each row has for itself."""
    defaults = {
        field.attname: field.default if field.has_default() else field.get_default()
        for field in model._meta.concrete_fields
    }
    return defaults, {name: made for name, made in defaults.items() if callable(made)}


@lru_cache(maxsize=256)
def _related(model: type[models.Model], names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Those of the names that stand for an object, each with its column."""
    columns = _defaults(model)[0]
    found = [(name, f"{name}_id") for name in names if name not in columns]
    for name, column in found:
        if column not in columns:
            raise TypeError(f"{model.__name__} has no column {name}")
    return found


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
    alias = connection.alias
    for one in objects:
        one._state.adding, one._state.db = False, alias


def _insert_numbered(
    cursor: Any, plan: "_Plan", objects: Sequence[models.Model], rows: list[tuple[Any, ...]]
) -> None:
    """SQLite prepares one statement for all; nobody else writes, so the numbers have no gaps."""
    cursor.executemany(plan.statement(1), rows)
    cursor.execute("SELECT last_insert_rowid()")
    (last,) = cursor.fetchone()
    for pk, one in enumerate(objects, start=last - len(objects) + 1):
        one.pk = pk


def _insert_returning(
    cursor: Any, plan: "_Plan", objects: Sequence[models.Model], rows: list[tuple[Any, ...]]
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

    def rows(self, objects: Sequence[models.Model]) -> list[tuple[Any, ...]]:
        """The values of each object, as the database takes them."""
        # The connection itself: the proxy costs more than many a conversion.
        database = connections[connection.alias]
        states = [one.__dict__ for one in objects]
        columns = []
        for name, field, kind in self.columns:
            if kind is _Kind.DATED:
                now = field.pre_save(objects[0], True)
                for state in states:
                    state[name] = now
            if kind is _Kind.FILLS_IN:
                values = [field.pre_save(one, True) for one in objects]
            else:
                values = [state[name] for state in states]
            if kind is not _Kind.PLAIN or not _NATIVE.issuperset(map(type, values)):
                values = _prepared(field, values, database)
            columns.append(values)
        return list(zip(*columns, strict=True))


def _prepared(field: Any, values: list[Any], database: Any) -> list[Any]:
    """The values as the database takes them; each instant and key, and what is empty, once."""
    keys = values
    if not _BY_VALUE.issuperset(map(type, values)):
        keys = [id(value) if value else type(value) for value in values]
    made = {
        key: None if value is None else field.get_db_prep_save(value, database)
        for key, value in dict(zip(keys, values, strict=True)).items()
    }
    return [made[key] for key in keys]


class _Kind(Enum):
    PLAIN = "plain"
    DATED = "dated"
    FILLS_IN = "fills in"
    OTHER = "other"


def _kind(field: Any) -> _Kind:
    if isinstance(field, models.DateTimeField):
        return _Kind.DATED if field.auto_now or field.auto_now_add else _Kind.OTHER
    # A column that fills itself in, or encrypts, does so when it is saved.
    if type(field).pre_save not in (models.Field.pre_save, models.ForeignKey.pre_save):
        return _Kind.FILLS_IN
    target = field.target_field if field.remote_field else field
    is_plain = isinstance(target, (*_PLAIN, models.AutoField, models.BigAutoField))
    return _Kind.PLAIN if is_plain else _Kind.OTHER


@lru_cache(maxsize=64)
def _plan(model: type[models.Model], vendor: str) -> _Plan:
    return _Plan(model)
