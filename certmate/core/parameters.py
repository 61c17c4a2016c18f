"""Declared parameters of a catalogue entry, from which forms, API schema, masking and docs derive.

A DNS provider's credentials and a storage backend's settings are both a tuple of `Parameter`. Plain
Python: it knows neither Django nor any vendor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certmate.core.errors import InvalidRequest

MASK = "********"
"""What is shown in place of a stored secret; sending it back means "unchanged"."""

MAX_LENGTH = 16_384


@dataclass(frozen=True)
class Parameter:
    """One named value that an entry needs. `secret` values are write-only everywhere."""

    name: str
    label: str
    help: str = ""
    required: bool = True
    secret: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()
    multiline: bool = False


def validate(
    parameters: Sequence[Parameter], values: Mapping[str, Any], *, field: str
) -> dict[str, str]:
    """The values, complete and clean, for these parameters; `field` is the input's name in errors.

    Raises InvalidRequest (`parameters.unknown`, `.missing`, `.invalid`). A value is text of one
    line unless the parameter says otherwise, because values end up in INI files and environments.
    """
    known = {parameter.name for parameter in parameters}
    unknown = sorted(set(values) - known)
    if unknown:
        raise InvalidRequest(
            f"Unknown: {', '.join(unknown)}. Known here: {', '.join(sorted(known)) or 'nothing'}.",
            code="parameters.unknown",
            field=f"{field}.{unknown[0]}",
        )
    clean = {p.name: _clean(p, values.get(p.name), field=f"{field}.{p.name}") for p in parameters}
    return {name: value for name, value in clean.items() if value}


def _clean(parameter: Parameter, value: object, *, field: str) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    text = "" if value is None else str(value).strip()
    text = text or parameter.default
    if not text and parameter.required:
        raise InvalidRequest(
            f"{parameter.label} is required.", code="parameters.missing", field=field
        )
    if len(text) > MAX_LENGTH:
        raise InvalidRequest(
            f"{parameter.label} is too long.", code="parameters.invalid", field=field
        )
    control = [c for c in text if ord(c) < 32 and not (parameter.multiline and c in "\r\n\t")]
    # Half a character (a surrogate) can be said in JSON and stored nowhere.
    if control or any(c == "\x7f" or "\ud800" <= c <= "\udfff" for c in text):
        raise InvalidRequest(
            f"{parameter.label} has a line break, control character or half a character.",
            code="parameters.invalid",
            field=field,
        )
    if parameter.choices and text and text not in parameter.choices:
        raise InvalidRequest(
            f"{parameter.label} must be one of: {', '.join(parameter.choices)}.",
            code="parameters.invalid",
            field=field,
        )
    return text


def mask(parameters: Sequence[Parameter], values: Mapping[str, str]) -> dict[str, str]:
    """The values as they may be shown: each stored secret is `MASK`."""
    secret = {parameter.name for parameter in parameters if parameter.secret}
    return {name: MASK if name in secret and value else value for name, value in values.items()}


def merge(
    parameters: Sequence[Parameter], stored: Mapping[str, str], submitted: Mapping[str, Any]
) -> dict[str, Any]:
    """What an edit means: a secret sent back as `MASK` or left out stays as it is stored."""
    staying = {parameter.name for parameter in kept(parameters, stored, submitted)}
    return {**submitted, **{name: stored[name] for name in staying}}


def kept(
    parameters: Sequence[Parameter], stored: Mapping[str, str], submitted: Mapping[str, Any]
) -> list[Parameter]:
    """The secrets that stay as they are stored."""
    return [
        parameter
        for parameter in parameters
        if parameter.secret
        and parameter.name in stored
        and submitted.get(parameter.name) in (None, MASK)
    ]
