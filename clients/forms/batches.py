"""The file of a batch, and what all of its rows have in common."""

import json
from collections.abc import Iterator
from typing import Any

from django import forms

from certmate.core.errors import CertMateError
from certmate.ui.forms import TagsField, team_field
from clients import services
from clients.forms import fields
from clients.forms.fields import AuthorityFields
from clients.models import Batch
from clients.services import BatchInvalid
from clients.services.rows import Row, from_csv, from_json

LARGEST_FILE = 32 * 1024 * 1024


class NewBatchForm(AuthorityFields):
    """Many certificates at once, from a file."""

    submit_label = "Issue certificates"
    file = forms.FileField(
        label="Rows (CSV or JSON)",
        help_text="CSV has the names of its columns in the first line, JSON is a list of objects. "
        "UTF-8, at most 32 MiB.",
    )
    storage = fields.storage_field()
    auto_renew = forms.BooleanField(label="Renew automatically", required=False, initial=True)
    tags = TagsField(required=False, help_text="With commas between them.")
    team = team_field()

    renamed = {"rows": "file"}
    fieldsets = (
        ("File", "All rows are checked before one is issued.", ("file",)),
        ("Authority", "", ("authority", "profile")),
        ("Keeping", "", ("team", "storage", "auto_renew", "tags")),
    )

    refused: BatchInvalid | None = None
    """What is wrong with which row."""

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError("At most 32 MiB.", code="size")
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise forms.ValidationError("It is not text in UTF-8.", code="encoding") from error

    def carry_out(self) -> Batch:
        data = self.cleaned_data
        wish = self.wish(auto_renew=data["auto_renew"], tags=data["tags"])
        return services.create_batch(actor=self.actor, frame_wish=wish, rows=_rows(data["file"]))

    def refuse(self, error: CertMateError | forms.ValidationError) -> None:
        if isinstance(error, BatchInvalid):
            self.refused = error
        super().refuse(error)


def _rows(text: str) -> Iterator[tuple[int, Row]]:
    if text.lstrip()[:1] not in ("[", "{"):
        return from_csv(text)
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise forms.ValidationError({"file": "It is not JSON."}, code="json") from error
    if not isinstance(found, list):
        raise forms.ValidationError({"file": "JSON has to be a list of objects."}, code="json")
    return from_json(found)
