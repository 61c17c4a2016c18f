"""A model field whose value is a JSON object that the database only ever sees encrypted.

The attribute reads as a plain dict, opened when it is first read; the row's identity
(`app.Model.field:primary key`) is associated data of the encryption, which is why the model's
primary key must exist before the row does (a UUID).
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core import checks
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from certmate.core import secrets
from certmate.core.keyring import keyring

if TYPE_CHECKING:
    # What is assigned and what is read; the class cannot be subscripted when it runs.
    _TextField = models.TextField[Mapping[str, Any], dict[str, Any]]
else:
    _TextField = models.TextField


class Sealed(str):
    """A token as it stands in the database; a plain str would be taken for a value."""

    __slots__ = ()


def identity(instance: models.Model, field: "models.Field[Any, Any]") -> str:
    """What the encryption of this field of this row is bound to."""
    return f"{instance._meta.label}.{field.attname}:{instance.pk}"


class _Opened(DeferredAttribute):
    """Opens the token on the first read, so that a list of rows decrypts nothing."""

    field: "EncryptedJSONField"

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed) and instance is not None:
            plaintext = secrets.unseal(keyring(), value, identity=identity(instance, self.field))
            value = instance.__dict__[self.field.attname] = json.loads(plaintext)
        return value

    def __set__(self, instance: models.Model, value: object) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedJSONField(_TextField):
    """Stores a JSON object by envelope encryption; write-only in forms and API by being
    non-editable.
    """

    descriptor_class = _Opened

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", dict)
        kwargs.setdefault("blank", True)
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        messages = super().check(**kwargs)
        if not isinstance(self.model._meta.pk, models.UUIDField):
            messages.append(
                checks.Error(
                    "An encrypted field is bound to its row and needs a UUID primary key.",
                    obj=self,
                    id="core.E001",
                )
            )
        return messages

    def from_db_value(self, value: str | None, *_: object) -> Sealed | None:
        return None if value is None else Sealed(value)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Sealed):
            return value
        raise TypeError("An encrypted field is written through save() only.")

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Sealed):
            return value
        plaintext = json.dumps(value, separators=(",", ":")).encode()
        return Sealed(secrets.seal(keyring(), plaintext, identity=identity(model_instance, self)))

    def value_to_string(self, obj: models.Model) -> str:
        """For `dumpdata`: the token, never what it holds."""
        return str(self.pre_save(obj, add=False))
