"""Deletion of what others may need."""

from django.db import models, transaction
from django.db.models import ProtectedError

from certmate.core.errors import Conflict


def delete_unused(row: models.Model, in_use: Conflict) -> None:
    """Delete it, or raise `in_use` if something that protects it names it.

    That is asked first, since deletion would load all that does, however much it is.
    """
    for relation in row._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and relation.on_delete is models.PROTECT:
            rows = relation.related_model._base_manager
            if rows.filter(**{relation.field.name: row}).exists():
                raise in_use
    try:
        with transaction.atomic():
            row.delete()
    except ProtectedError as error:
        raise in_use from error
