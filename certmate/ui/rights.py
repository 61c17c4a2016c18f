"""The permissions over all objects of a kind that a user or a group holds."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group, Permission, User
from django.db import models

from certmate.access import services
from certmate.access.roles import has_rights, is_role
from certmate.access.verbs import Verb
from certmate.ui.tools import Tool


class PermissionsTool(Tool[User | Group]):
    """Offers what the person at the form holds; anything else stays as it is."""

    name, label, verb = "permissions", "Permissions", Verb.ADMINISTER
    explanation = (
        "Over all objects of a kind. You give and take only what you hold yourself; whatever else "
        "is held stays. For rights to single objects see their own Access page."
    )
    rights = forms.MultipleChoiceField(
        label="May, of every object of the kind",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, obj: User | Group, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        offered = self._offered()
        kinds: dict[str, list[tuple[str, str]]] = {}
        for right in offered:
            label = str(right.content_type.name)
            kinds.setdefault(label, []).append((str(right.pk), right.name))
        field = self.fields["rights"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - For mypy.
        field.choices = list(kinds.items())
        now = set(_held(obj).values_list("pk", flat=True))
        field.initial = [str(right.pk) for right in offered if right.pk in now]
        self.kept = now - {right.pk for right in offered}

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return not (isinstance(obj, Group) and is_role(obj))

    def carry_out(self) -> None:
        chosen = {int(pk) for pk in self.cleaned_data["rights"]} | self.kept
        rights = Permission.objects.filter(pk__in=chosen).select_related("content_type")
        services.set_permissions(actor=self.actor, subject=self.obj, rights=rights)

    def told(self) -> str:
        return f"The permissions of {self.obj} are set."

    def _offered(self) -> list[Permission]:
        user = self.actor.user
        names = user.get_all_permissions() if user is not None else set()
        every = Permission.objects.select_related("content_type").order_by(
            "content_type__app_label", "content_type__model", "name"
        )
        return [right for right in every if _matters(right) and _name(right) in names]


def _matters(right: Permission) -> bool:
    model = right.content_type.model_class()
    return model is not None and has_rights(model)


def _name(right: Permission) -> str:
    return f"{right.content_type.app_label}.{right.codename}"


def _held(subject: User | Group) -> models.QuerySet[Permission]:
    held = subject.permissions if isinstance(subject, Group) else subject.user_permissions
    return held.all()
