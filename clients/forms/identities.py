"""What a person fills in about an identity."""

from typing import Any

from django import forms

from certmate.ui.forms import ObjectForm, ServiceForm, TagsField, team_field, team_name
from clients.choices import IdentityKind
from clients.forms import fields
from clients.forms.fields import SUBJECT_FIELDS
from clients.models import Identity
from clients.services import create_identity, update_identity

_SUBJECT = tuple(SUBJECT_FIELDS)


class IdentityFields(ServiceForm):
    """Who or what it is, and what its certificates say where a request does not."""

    kind = forms.ChoiceField(choices=IdentityKind.choices)
    description = forms.CharField(required=False, max_length=200)
    email = forms.EmailField(label="E-mail", required=False, help_text="Of whoever is behind it.")
    common_name = fields.subject_field("CN")
    organisation = fields.subject_field("O")
    unit = fields.subject_field("OU")
    locality = fields.subject_field("L")
    state = fields.subject_field("ST")
    country = fields.subject_field("C")
    title = fields.subject_field("T")
    given_name = fields.subject_field("GN")
    surname = fields.subject_field("SN")
    user_id = fields.subject_field("UID")
    serial_number = fields.subject_field("SERIALNUMBER")
    tags = TagsField(required=False, help_text="With commas between them.")
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    team = team_field()

    renamed = fields.SUBJECT_RENAMED
    subject_fieldset = (
        "Subject of its certificates",
        "Each certificate says this where its request does not say otherwise.",
        tuple(SUBJECT_FIELDS.values()),
    )
    keeping_fieldset = ("Keeping", "", ("team", "tags", "notes"))

    def values(self) -> dict[str, Any]:
        """What both services take of it."""
        data = dict(self.cleaned_data)
        subject = fields.subject_of(data, _SUBJECT)
        for field in SUBJECT_FIELDS.values():
            del data[field]
        return data | {"subject": subject}


class NewIdentityForm(IdentityFields):
    submit_label = "Add identity"
    name = forms.CharField(
        label="Identifier",
        max_length=200,
        help_text="Lower-case letters, digits, dots, dashes and underscores.",
    )
    fieldsets = (
        ("Identity", "", ("name", "kind", "description", "email")),
        IdentityFields.subject_fieldset,
        IdentityFields.keeping_fieldset,
    )

    def carry_out(self) -> Identity:
        values = self.values()
        values["team"] = team_name(values) or ""
        return create_identity(actor=self.actor, **values)


class IdentitySettingsForm(IdentityFields, ObjectForm[Identity]):
    """What may be changed of it; its identifier stays."""

    fieldsets = (
        ("Settings", "", ("kind", "description", "email")),
        IdentityFields.subject_fieldset,
        IdentityFields.keeping_fieldset,
    )

    def __init__(self, *args: Any, obj: Identity, **kwargs: Any) -> None:
        names = ("kind", "description", "email", "tags", "notes", "team")
        initial = {name: getattr(obj, name) for name in names}
        initial |= {field: obj.subject.get(name, "") for name, field in SUBJECT_FIELDS.items()}
        super().__init__(*args, obj=obj, initial=initial, **kwargs)

    def carry_out(self) -> Identity:
        values = self.values()
        values["team"] = team_name(values)
        return update_identity(actor=self.actor, identity=self.obj, **values)
