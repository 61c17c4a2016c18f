"""The object that a call about rights is about: `kind` is its model's name, `name` what it is
addressed by elsewhere in the API.
"""

from functools import cache
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from rest_framework.request import Request

from certmate.access import explain, policy
from certmate.access.verbs import Verb
from certmate.rest.pagination import invalid_parameter
from certmate.rest.views import Endpoint, query

_KEYS = {"user": "username", "serviceaccount": "user__username"}
"""What names an object where that is not a unique `name`."""


@cache
def kinds() -> dict[str, tuple[type[models.Model], str]]:
    """The model of each kind that rights are granted on, and the look-up of its name."""
    found = {}
    for model in apps.get_models():
        kind = str(model._meta.model_name)
        key = _KEYS.get(kind) or ("name" if _is_unique_name(model) else "")
        if key and explain.is_governed(model):
            found[kind] = (model, key)
    return found


OBJECT = (
    query("kind", "Such as certificate, caaccount, storagetarget, team.", required=True),
    query("name", "Of the object.", required=True),
)


class ObjectEndpoint(Endpoint):
    """A call about one object of any kind."""

    tag = "access"

    def object_named(self, kind: str, name: str, verb: Verb = Verb.VIEW) -> Any:
        """NotFound if the caller may not see it, else AccessDenied without the verb on it."""
        model, key = kinds()[kind]
        rows = model._default_manager.all()
        seen = policy.visible(self.actor, rows)
        exact = seen.filter(**{key: name}).exists() if name.isprintable() else True
        return self.find(rows, verb, **{key: name if exact else name.lower()})

    def object_asked(self, request: Request) -> Any:
        """The one that the query names."""
        kind, name = (request.query_params.get(part, "") for part in ("kind", "name"))
        if kind not in kinds():
            raise invalid_parameter("kind", f"One of {', '.join(sorted(kinds()))}.")
        if not name:
            raise invalid_parameter("name", "The name of the object.", "required")
        return self.object_named(kind, name)


def _is_unique_name(model: type[models.Model]) -> bool:
    try:
        field: Any = model._meta.get_field("name")
    except FieldDoesNotExist:
        return False
    return bool(getattr(field, "unique", False))
