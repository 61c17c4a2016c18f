"""Forms that write nothing by themselves: each calls one service, whose refusals are its errors."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from allauth.core import context
from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db import models

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.models import Team
from certmate.access.services.approvals import ApprovalNeeded
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, CertMateError
from certmate.signin import reauthentication
from certmate.signin.reauthentication import Way, is_fresh, way_of

M = TypeVar("M", bound=models.Model)

Fieldset = tuple[str, str, tuple[str, ...]]
"""Title, what it is about, names of the fields."""


class Visit(forms.Widget):
    """Instead of an input: the way to the page where one proves who one is, and back."""

    template_name = "signin/visit.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        request = context.request
        visit = {"url": reauthentication.page_for(request), "done": is_fresh(request)}
        return {**super().get_context(name, value, attrs), **visit}


class PasswordAgain(forms.Form):
    """Asks who it is once more, where an open browser must not be enough.

    That is the password; a code of the second factor for who has no password; and for who has
    neither, a visit to the page that asks for a security key or leads to the provider.
    """

    actor: Actor
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Asked again, because a key must not leave through a forgotten session.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field, user = self.fields["password"], self.actor.user
        way = Way.PASSWORD if user is None else way_of(user)
        if way is Way.CODE:
            field.label = "Code of your second factor"
            field.widget = forms.TextInput(attrs={"autocomplete": "one-time-code"})
        elif way is Way.VISIT:
            field.label, field.required, field.widget = "Confirm who you are", False, Visit()

    def clean_password(self) -> str:
        given, user, request = self.cleaned_data["password"], self.actor.user, context.request
        if user is None or request is None:
            raise forms.ValidationError("This is not your password.", code="password.wrong")
        way = way_of(user)
        try:
            if way is Way.PASSWORD:
                reauthentication.check_password(user=user, password=given, request=request)
            elif way is Way.CODE:
                reauthentication.check_code(user=user, code=given, request=request)
        except CertMateError as error:
            raise forms.ValidationError(error.detail, code=error.code) from error
        if way is Way.VISIT and not is_fresh(request):
            raise forms.ValidationError("Confirm who you are first.", code="signin.not_confirmed")
        return str(given)


class ServiceForm(forms.Form):
    """Input for one service function, on behalf of `actor`.

    `renamed` maps the service's name of a field to the form's, where they differ.
    """

    required_css_class = "required"
    submit_label: ClassVar[str] = "Save"
    fieldsets: ClassVar[Sequence[Fieldset]] = ()
    renamed: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor
        self.result: Any = None
        self.offer("team", Team)

    def carry_out(self) -> Any:
        """Call the service with the cleaned data."""
        raise NotImplementedError

    def accepted(self) -> bool:
        """Whether the input was valid and the service has done it; `result` is what it returned.

        Raises PermissionDenied for what the actor may not do.
        """
        if not self.is_valid():
            return False
        try:
            self.result = self.carry_out()
        except ApprovalNeeded:
            raise  # No error of the form: the site leads to the request.
        except AccessDenied as error:
            raise PermissionDenied(error.detail) from error
        except (CertMateError, ValidationError) as error:
            self.refuse(error)
            return False
        return True

    def refuse(self, error: CertMateError | ValidationError) -> None:
        """Show the refusal at the field that it is about."""
        if isinstance(error, CertMateError):
            self.add_error(self._own(error.field), ValidationError(error.detail, code=error.code))
        elif hasattr(error, "error_dict"):
            for name, errors in error.error_dict.items():
                self.add_error(self._own(name), errors)
        else:
            self.add_error(None, error)

    def _own(self, field: str) -> str | None:
        """The form's field for the service's, such as `credentials.api_token`, if there is one."""
        name = self.renamed.get(field) or field.replace(".", "_")
        return name if name in self.fields and field != NON_FIELD_ERRORS else None

    def groups(self) -> list[tuple[str, str, list[forms.BoundField]]]:
        """The fields as they are laid out; those that no fieldset names come last."""
        named = {name for _, _, names in self.fieldsets for name in names}
        rest = ("", "", tuple(name for name in self.fields if name not in named))
        return [
            (title, about, [self[name] for name in names if name in self.fields])
            for title, about, names in [*self.fieldsets, rest]
            if any(name in self.fields for name in names)
        ]

    def offer(self, name: str, model: type[models.Model]) -> None:
        """Fill the field, if the form has it, with the objects that the actor may pick."""
        field = self.fields.get(name)
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = self.usable(model._default_manager.all())

    def usable(self, queryset: models.QuerySet[M]) -> models.QuerySet[M]:
        """Those that the actor may pick."""
        return policy.visible(self.actor, queryset)


class ObjectForm(ServiceForm, Generic[M]):
    """Input for a service that works on one object."""

    def __init__(self, *args: Any, obj: M, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.obj = obj
        if "team" in self.fields and not policy.allowed(self.actor, Verb.ADMINISTER, obj):
            del self.fields["team"]  # Moving an object is granting rights to it.


def team_field() -> "forms.ModelChoiceField[Team]":
    """The team that shall own the object; the form offers those that the actor may see."""
    return forms.ModelChoiceField(
        Team.objects.none(),
        required=False,
        empty_label="Nobody's in particular",
        to_field_name="name",
        help_text="Grants on the team reach what it owns.",
    )


def team_name(cleaned: Mapping[str, Any]) -> str | None:
    """The chosen team as services take it: "" for none, None for "as it is"."""
    if "team" not in cleaned:
        return None
    return cleaned["team"].name if cleaned["team"] else ""


class NamesField(forms.CharField):
    """Several words in one box, one a line or with commas between them; cleans to a list."""

    widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "off"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return (super().to_python(value) or "").replace(",", " ").split()


class TagsField(forms.CharField):
    """Labels with commas between them; cleans to a list."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        words = (word.strip() for word in (super().to_python(value) or "").split(","))
        return [word for word in words if word]
