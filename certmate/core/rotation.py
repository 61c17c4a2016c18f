"""Changing the master key: every token's data key is wrapped again under the newest key.

Safe to interrupt at any line: the old key stays in the keyring until no token needs it, a row is
replaced by a conditional UPDATE of its one column, and a run finds by prefix what is still to do.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models

from certmate.core import keyring, secrets
from certmate.core.fields import EncryptedJSONField, Sealed, identity

BATCH = 200

Column = tuple[type[models.Model], EncryptedJSONField]


def sealed_columns() -> list[Column]:
    """Every encrypted field of every model."""
    return [
        (model, field)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedJSONField)
    ]


def outstanding(column: Column) -> models.QuerySet[Any]:
    """Rows of the column whose data key is not under the newest master key."""
    model, field = column
    newest = Sealed(secrets.prefix(keyring.keyring().primary))
    return model._default_manager.exclude(**{f"{field.attname}__startswith": newest}).order_by("pk")


def add_key() -> bool:
    """Put a fresh key at the head of the key file, unless a rotation is still under way (then
    False).

    With CERTMATE_MASTER_KEY the operator puts the new key first, and nothing is done here.
    """
    if settings.CERTMATE_MASTER_KEY or any(
        outstanding(column).exists() for column in sealed_columns()
    ):
        return False
    path = settings.CERTMATE_MASTER_KEY_FILE
    keyring.store(path, [secrets.new_master_key(), *path.read_text(encoding="ascii").split()])
    return True


def rewrap_all(progress: Callable[[int], None]) -> int:
    """Wrap what is outstanding, telling `progress` the running total; returns the total."""
    total = 0
    for column in sealed_columns():
        for batch in _batches(column):
            total += sum(_rewrap(column, row) for row in batch)
            progress(total)
    return total


def forget_old_keys() -> int:
    """Drop every key but the newest from the key file, if no token needs another; returns how
    many.
    """
    if settings.CERTMATE_MASTER_KEY or any(
        outstanding(column).exists() for column in sealed_columns()
    ):
        return 0
    path = settings.CERTMATE_MASTER_KEY_FILE
    keys = path.read_text(encoding="ascii").split()
    keyring.store(path, keys[:1])
    return len(keys) - 1


def _batches(column: Column) -> Iterator[list[models.Model]]:
    last: object = None
    while True:
        rows = outstanding(column).only("pk", column[1].attname)
        batch = list((rows if last is None else rows.filter(pk__gt=last))[:BATCH])
        if not batch:
            return
        last = batch[-1].pk
        yield batch


def _rewrap(column: Column, row: models.Model) -> int:
    model, field = column
    old = row.__dict__[field.attname]
    new = Sealed(secrets.rewrap(keyring.keyring(), old, identity=identity(row, field)))
    unchanged = model._default_manager.filter(**{"pk": row.pk, field.attname: Sealed(old)})
    return unchanged.update(**{field.attname: new})
