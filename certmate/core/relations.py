"""Who points to a model: apps above it, which it may not know."""

from collections.abc import Iterator
from typing import Any

from django.db import models


def references_to(model: type[models.Model]) -> Iterator[tuple[type[models.Model], str]]:
    """Each foreign key to the model, as its own model and its name; those without a way back too,
    which `related_objects` leaves out.
    """
    fields: list[Any] = model._meta.get_fields(include_hidden=True)
    for field in fields:
        if isinstance(field, models.ManyToOneRel) and field.related_model is not None:
            yield field.related_model, field.field.name
