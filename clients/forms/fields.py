"""Fields that several forms of the admin for clients have: subjects, names, PEM, pickers."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.db import models

from certmate.core import clock
from certmate.pki.inspect import pem_of
from certmate.pki.subject import ATTRIBUTES
from certmate.ui.forms import NamesField, ServiceForm
from clients.services import ClientWish
from providers.authority.custody import CUSTODIES
from providers.choices import KeyState
from providers.models import Authority, Profile
from providers.services.profiles import DEFAULT as DEFAULT_PROFILE
from storage.models import StorageTarget

RENEWAL_HELP = "Empty: with a third of the lifetime left."
LARGEST_FILE = 64 * 1024
_DER_SEQUENCE = b"\x30"
_CHOOSE = "Choose one"

SUBJECT_FIELDS = {
    "CN": "common_name",
    "O": "organisation",
    "OU": "unit",
    "L": "locality",
    "ST": "state",
    "C": "country",
    "T": "title",
    "GN": "given_name",
    "SN": "surname",
    "UID": "user_id",
    "SERIALNUMBER": "serial_number",
}
"""Parts of a subject by the names of their fields."""

SUBJECT_RENAMED = {f"subject.{name}": field for name, field in SUBJECT_FIELDS.items()} | {
    "subject": "common_name"
}


def subject_field(name: str, **options: Any) -> forms.CharField:
    """The field for one part of a subject."""
    return forms.CharField(label=ATTRIBUTES[name].label, required=False, **options)


def subject_of(data: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Those parts of a subject that were filled in."""
    return {name: data[SUBJECT_FIELDS[name]] for name in names if data[SUBJECT_FIELDS[name]]}


def identity_field() -> forms.CharField:
    """An identity by its name: there may be too many to choose from."""
    attrs = {"autocapitalize": "off", "spellcheck": "false"}
    return forms.CharField(
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs=attrs),
        help_text="The identifier of the identity that holds it.",
    )


def storage_field() -> "forms.ModelChoiceField[StorageTarget]":
    return forms.ModelChoiceField(
        StorageTarget.objects.none(), required=False, empty_label="The default storage target"
    )


def renewal_days_field() -> forms.IntegerField:
    return forms.IntegerField(
        label="Renew this many days before expiry",
        required=False,
        min_value=1,
        max_value=365,
        help_text=RENEWAL_HELP,
    )


def names_field(label: str) -> NamesField:
    """A box for alternative names of one kind."""
    return NamesField(label=label, required=False, widget=_area())


class URIsField(NamesField):
    """A comma may be part of a URI: one a line, or with blanks between them."""

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return (forms.CharField.to_python(self, value) or "").split()


def uris_field() -> URIsField:
    return URIsField(label="URIs", required=False, widget=_area(), help_text="One a line.")


def _area() -> forms.Textarea:
    return forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocapitalize": "off"})


class Unseen(forms.Textarea):
    """A box for a private key, which is sent back to nobody."""

    def format_value(self, value: Any) -> str:
        return ""


def pem_field(label: str, **options: Any) -> forms.CharField:
    attrs = {"rows": 5, "class": "code", "spellcheck": "false"}
    widget = forms.Textarea(attrs=attrs)
    return forms.CharField(label=label, required=False, widget=widget, **options)


def key_field(label: str, **options: Any) -> forms.CharField:
    attrs = {"rows": 5, "class": "code", "spellcheck": "false", "autocomplete": "off"}
    widget = Unseen(attrs=attrs)
    return forms.CharField(label=label, required=False, widget=widget, **options)


class PEMFile(forms.FileField):
    """A small file in PEM or DER; cleans to PEM. `kind` is the label of what it holds."""

    def __init__(self, *, kind: str, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.kind = kind

    def clean(self, data: Any, initial: Any = None) -> str:
        file = super().clean(data, initial)
        if not file:
            return ""
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(f"At most {LARGEST_FILE // 1024} KiB.", code="size")
        content: bytes = file.read()
        if content.startswith(_DER_SEQUENCE):
            return pem_of(content, self.kind)
        return content.decode("ascii", errors="replace")


def take_file(form: forms.Form, name: str) -> None:
    """The file `<name>_file` instead of the box `name`. Both at once is an error."""
    data = form.cleaned_data
    content = data.pop(f"{name}_file", "")
    if content and data.get(name):
        form.add_error(name, "Paste it or send the file, not both.")
    elif content:
        data[name] = content


class ProfileField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Profiles with what they are for."""

    def label_from_instance(self, obj: models.Model) -> str:
        assert isinstance(obj, Profile)  # noqa: S101 - Its queryset has no others.
        about = [obj.description.rstrip(".")] if obj.description else []
        if obj.needs_approval:
            about.append("waits for approval")
        return f"{obj.name}: {', '.join(about)}" if about else obj.name


class AuthorityFields(ServiceForm):
    """Who signs, and by which rules; what would be taken if nobody chose is chosen already."""

    authority = forms.ModelChoiceField(Authority.objects.none(), empty_label=_CHOOSE)
    profile = ProfileField(
        Profile.objects.none(), empty_label=_CHOOSE, help_text="The rules for what it may say."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("authority", Authority)
        self.offer("profile", Profile)
        self.offer("storage", StorageTarget)
        first = list(self.usable(Authority.objects.order_by("-is_default", "name"))[:2])
        if first and (first[0].is_default or len(first) == 1):
            self.fields["authority"].initial = first[0].pk
        profiles = self.usable(Profile.objects.filter(name=DEFAULT_PROFILE))
        self.fields["profile"].initial = profiles.values_list("pk", flat=True).first()

    def usable(self, queryset: Any) -> Any:
        rows = super().usable(queryset)
        return rows.filter(pk__in=signing_now()) if queryset.model is Authority else rows

    def wish(self, **more: Any) -> ClientWish:
        """What the services take, with the names of what was picked."""
        data = self.cleaned_data
        picked: dict[str, Any] = {
            name: data[name].name if data.get(name) else ""
            for name in ("authority", "profile", "storage", "team")
        }
        return ClientWish(**picked, **more)


def signing_now() -> "models.QuerySet[Authority, Any]":
    """Keys of the authorities that sign for holders without being asked for a passphrase."""
    by_itself = [custody.slug for custody in CUSTODIES.values() if not custody.needs_passphrase]
    able = Authority.objects.filter(
        disabled_at=None,
        custody__in=by_itself,
        keys__state=KeyState.ACTIVE,
        keys__not_after__gt=clock.now(),
    )
    return able.values("pk")
