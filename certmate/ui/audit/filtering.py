"""How the list of the log is narrowed: one form, whose names are those of the API."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict

from certmate.audit.choices import ActorKind
from certmate.audit.queries import FILTERS
from certmate.audit.vocabulary import event_names, object_kinds
from certmate.ui.base import PolicyChangeList

_ANY = ("", "Any")


class FilterForm(forms.Form):
    """Filled from the address; what it offers to choose from costs no query."""

    event = forms.ChoiceField(required=False)
    actor = forms.CharField(required=False, label="Who", max_length=150)
    actor_kind = forms.ChoiceField(
        required=False, label="Kind of actor", choices=[_ANY, *ActorKind.choices]
    )
    object_kind = forms.ChoiceField(required=False, label="Kind of object")
    object_pk = forms.CharField(required=False, label="Object's key", max_length=255)
    since = forms.DateTimeField(
        required=False,
        label="From (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    until = forms.DateTimeField(
        required=False,
        label="Before (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    request = forms.CharField(required=False, label="Request id", max_length=64)
    address = forms.CharField(required=False, label="From address", max_length=45)
    order = forms.IntegerField(required=False, widget=forms.HiddenInput)
    token = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    actor_id = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data, auto_id="filter_%s")
        self._offer("event", [(name, name) for name in event_names()])
        self._offer("object_kind", object_kinds())

    def wanted(self) -> dict[str, Any]:
        """The filters that are set and make sense."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        given = self.data.get(name, "")
        if given and given not in dict(choices):
            choices = [(given, given), *choices]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [_ANY, *choices]


class EntryList(PolicyChangeList):
    """A list whose parameters are the form's. What makes no sense finds nothing."""

    def get_filters(self, request: HttpRequest) -> tuple[Any, ...]:
        self.form = FilterForm(request.GET)
        return [], False, {}, False, False

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        rows = super().get_queryset(request, exclude_parameters)
        wanted = self.form.wanted()
        if self.form.errors:
            return rows.none()
        return rows.filter(**{FILTERS[name]: value for name, value in wanted.items()})
