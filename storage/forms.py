"""Forms of the admin for storage targets; their fields follow from the backend's declaration."""

from typing import Any

from django import forms

from certmate.ui.forms import ObjectForm, ServiceForm, team_field, team_name
from certmate.ui.parameters import ParameterFields
from storage.backends.base import BackendSpec
from storage.catalogue import CATALOGUE
from storage.models import StorageTarget
from storage.services import create_target, update_target


class TargetFields(ServiceForm):
    name = forms.CharField(
        max_length=64, help_text="How it is called here: letters, digits, dashes and underscores."
    )
    is_default = forms.BooleanField(
        label="Use it where a certificate names no storage target", required=False
    )
    team = team_field()

    def add_parameters(self, parameters: ParameterFields) -> None:
        self.parameters = parameters
        self.fields.update(parameters.fields())
        self.fieldsets = (  # type: ignore[misc]
            ("Storage target", "", ("name", "team", "is_default")),
            ("Place", "", parameters.names),
        )

    def submitted(self) -> dict[str, Any]:
        """The arguments that both services take."""
        data: dict[str, Any] = {key: self.cleaned_data[key] for key in ("name", "is_default")}
        data["team"] = team_name(self.cleaned_data)
        return data | {"parameters": self.parameters.values(self.cleaned_data)}


class NewTargetForm(TargetFields):
    def __init__(self, *args: Any, entry: BackendSpec, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entry = entry
        self.add_parameters(ParameterFields(entry.parameters, "parameters"))

    def carry_out(self) -> StorageTarget:
        return create_target(actor=self.actor, backend=self.entry.slug, **self.submitted())


class TargetSettingsForm(TargetFields, ObjectForm[StorageTarget]):
    def __init__(self, *args: Any, obj: StorageTarget, **kwargs: Any) -> None:
        initial = {"name": obj.name, "is_default": obj.is_default, "team": obj.team}
        super().__init__(*args, obj=obj, initial=initial, **kwargs)
        parameters = CATALOGUE[obj.backend].parameters
        self.add_parameters(ParameterFields(parameters, "parameters", obj.parameters))

    def carry_out(self) -> StorageTarget:
        return update_target(actor=self.actor, target=self.obj, **self.submitted())
