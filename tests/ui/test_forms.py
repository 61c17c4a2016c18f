"""Forms that call a service: where its refusals appear, and that no stored secret does."""

from typing import Any

import pytest
from django import forms
from django.core.exceptions import PermissionDenied, ValidationError

from certmate.access.actors import Actor
from certmate.core.errors import AccessDenied, CertMateError, Conflict, InvalidRequest
from certmate.core.parameters import MASK, Parameter
from certmate.ui.forms import NamesField, ServiceForm, TagsField
from certmate.ui.parameters import ParameterFields

PARAMETERS = (
    Parameter("user", "User"),
    Parameter("token", "Token", required=False, secret=True),
    Parameter("key", "Key", secret=True, multiline=True),
    Parameter("mode", "Mode", default="fast", choices=("fast", "slow")),
    Parameter("strict", "Strict", default="false", choices=("false", "true")),
)


class Form(ServiceForm):
    name = forms.CharField(required=False)
    credentials_token = forms.CharField(required=False)
    renamed = {"domain": "name"}
    refusal: Exception | None = None

    def carry_out(self) -> str:
        if self.refusal is not None:
            raise self.refusal
        return "done"


def refused(error: Exception) -> dict[str, Any]:
    form = Form({}, actor=Actor.system())
    form.refusal = error
    assert not form.accepted()
    return form.errors.get_json_data()


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (InvalidRequest("No.", code="x.y", field="name"), "name"),
        (InvalidRequest("No.", code="x.y", field="domain"), "name"),
        (InvalidRequest("No.", code="x.y", field="credentials.token"), "credentials_token"),
        (InvalidRequest("No.", code="x.y", field="elsewhere"), "__all__"),
        (Conflict("No.", code="x.y"), "__all__"),
    ],
)
def test_a_refusal_stands_at_the_field_that_it_names(error: CertMateError, field: str) -> None:
    assert refused(error) == {field: [{"message": "No.", "code": "x.y"}]}


def test_a_model_error_stands_at_its_fields() -> None:
    errors = refused(ValidationError({"name": ["Taken."], "other": ["Odd."]}))
    assert errors["name"][0]["message"] == "Taken."
    assert errors["__all__"][0]["message"] == "Odd."
    assert refused(ValidationError("Whole."))["__all__"][0]["message"] == "Whole."


def test_what_the_actor_may_not_do_is_no_matter_of_the_form() -> None:
    with pytest.raises(PermissionDenied, match="not you"):
        refused(AccessDenied("not you"))


def test_the_service_is_not_called_for_input_that_the_form_refuses() -> None:
    class Strict(Form):
        number = forms.IntegerField()

    form = Strict({"number": "x"}, actor=Actor.system())
    form.refusal = AssertionError("called")
    assert not form.accepted()


def test_every_field_is_laid_out_once() -> None:
    class Titled(Form):
        fieldsets = (("First", "", ("credentials_token", "absent")),)

    layout = [
        (title, [field.name for field in fields])
        for title, _, fields in Titled(actor=Actor.system()).groups()
    ]
    assert layout == [("First", ["credentials_token"]), ("", ["name"])]


def test_names_are_read_from_lines_and_commas() -> None:
    assert NamesField().clean(" a.test,b.test\r\n\nc.test ") == ["a.test", "b.test", "c.test"]
    assert NamesField().prepare_value(["a", "b"]) == "a\nb"


def test_tags_may_have_spaces() -> None:
    assert TagsField().clean("team a, ,web") == ["team a", "web"]


STORED = {"user": "ops", "token": "TOKEN-CANARY", "key": "KEY-CANARY", "strict": "true"}


def html(stored: dict[str, str] | None, data: dict[str, str] | None = None) -> str:
    form = forms.Form(data)
    form.fields.update(ParameterFields(PARAMETERS, "p", stored).fields())
    return str(form)


def test_no_stored_or_sent_secret_is_rendered() -> None:
    assert "CANARY" not in html(STORED)
    assert "CANARY" not in html(None, {"p_token": "TOKEN-CANARY", "p_key": "KEY-CANARY"})
    assert f"{MASK} (unchanged)" in html(STORED)
    assert 'value="ops"' in html(STORED)


def values(stored: dict[str, str] | None, data: dict[str, str]) -> dict[str, str]:
    parameters = ParameterFields(PARAMETERS, "p", stored)
    form = forms.Form(data)
    form.fields.update(parameters.fields())
    assert form.is_valid(), form.errors
    return parameters.values(form.cleaned_data)


def test_a_secret_that_is_left_empty_stays() -> None:
    sent = values(STORED, {"p_user": "dev", "p_mode": "slow"})
    expected = {"user": "dev", "token": MASK, "key": MASK, "mode": "slow", "strict": "false"}
    assert sent == expected


def test_an_optional_secret_can_be_removed() -> None:
    sent = values(STORED, {"p_user": "ops", "p_mode": "fast", "p_token_remove": "on"})
    assert sent["token"] == ""
    assert sent["key"] == MASK


def test_a_secret_keeps_its_spaces_and_lines() -> None:
    sent = values(None, {"p_user": "ops", "p_mode": "fast", "p_key": " a\nb ", "p_strict": "on"})
    assert sent == {"user": "ops", "token": "", "key": " a\nb ", "mode": "fast", "strict": "true"}
