"""Form fields from the declared parameters of a catalogue entry; no stored secret is among them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from certmate.core.parameters import MASK, Parameter

_SWITCH = ("false", "true")


class SecretInput(forms.PasswordInput):
    """Shows nothing of what is stored; a placeholder says that something is."""

    def __init__(self, *, stored: bool = False) -> None:
        attrs = {"autocomplete": "new-password", "spellcheck": "false"}
        super().__init__(attrs | ({"placeholder": f"{MASK} (unchanged)"} if stored else {}))


class SecretTextarea(forms.Textarea):
    """Several lines that are never echoed, not even after an error."""

    def __init__(self, *, stored: bool = False) -> None:
        attrs: dict[str, Any] = {"rows": 4, "autocomplete": "off", "spellcheck": "false"}
        super().__init__(attrs | ({"placeholder": f"{MASK} (unchanged)"} if stored else {}))

    def format_value(self, value: Any) -> str:
        return ""


class ParameterFields:
    """The fields of a form for `parameters`, named `<prefix>_<parameter>`.

    `stored` is what the object has now; None when it is being made.
    """

    def __init__(
        self, parameters: Sequence[Parameter], prefix: str, stored: Mapping[str, str] | None = None
    ) -> None:
        self._parameters = parameters
        self._prefix = prefix
        self._stored = stored

    @property
    def names(self) -> tuple[str, ...]:
        """The fields in their order, for a fieldset."""
        return tuple(self.fields())

    def fields(self) -> dict[str, forms.Field]:
        made: dict[str, forms.Field] = {}
        for parameter in self._parameters:
            made[self._name(parameter)] = self._field(parameter)
            if parameter.secret and not parameter.required and self._has(parameter):
                label = f"Remove the stored {parameter.label}"
                made[self._removal(parameter)] = forms.BooleanField(label=label, required=False)
        return made

    def values(self, cleaned: Mapping[str, Any]) -> dict[str, str]:
        """What to send to the service: an untouched secret as `MASK`, which means unchanged."""
        return {p.name: self._value(p, cleaned) for p in self._parameters}

    def _value(self, parameter: Parameter, cleaned: Mapping[str, Any]) -> str:
        value = cleaned.get(self._name(parameter))
        if isinstance(value, bool):
            return _SWITCH[value]
        if not value and parameter.secret and self._has(parameter):
            return "" if cleaned.get(self._removal(parameter)) else MASK
        return str(value or "")

    def _field(self, parameter: Parameter) -> forms.Field:
        common: dict[str, Any] = {
            "label": parameter.label,
            "help_text": parameter.help,
            "required": parameter.required and not self._has(parameter),
        }
        if parameter.secret:
            widget = SecretTextarea if parameter.multiline else SecretInput
            return forms.CharField(
                widget=widget(stored=self._has(parameter)), strip=False, **common
            )
        initial = (
            parameter.default if self._stored is None else self._stored.get(parameter.name, "")
        )
        if parameter.choices == _SWITCH:
            return forms.BooleanField(**common | {"required": False, "initial": initial == "true"})
        if parameter.choices:
            choices = [(choice, choice) for choice in parameter.choices]
            return forms.ChoiceField(choices=choices, initial=initial, **common)
        widget_class = forms.Textarea if parameter.multiline else forms.TextInput
        return forms.CharField(widget=widget_class, initial=initial, **common)

    def _has(self, parameter: Parameter) -> bool:
        return bool(self._stored and self._stored.get(parameter.name))

    def _name(self, parameter: Parameter) -> str:
        return f"{self._prefix}_{parameter.name}"

    def _removal(self, parameter: Parameter) -> str:
        return f"{self._prefix}_{parameter.name}_remove"
