"""The verb that ends trust in a certificate of an authority, on the page of whatever has one."""

from typing import TypeVar

from django import forms
from django.db import models

from certmate.access.verbs import Verb
from certmate.ui.tools import Tool
from providers.choices import RevocationReason

M = TypeVar("M", bound=models.Model)


class RevokeTool(Tool[M]):
    """Asks for the reason and since when (RFC 5280 §5.3.1, §5.3.2)."""

    name, label, verb, is_dangerous = "revoke", "Revoke", Verb.REVOKE, True
    explanation = (
        "The certificate is on the authority's next CRL, which is made at once. Only a hold can be "
        "ended again; a compromised key is refused for ever."
    )
    reason = forms.ChoiceField(
        choices=RevocationReason.choices, initial=RevocationReason.UNSPECIFIED
    )
    invalidity_at = forms.DateTimeField(
        label="Not to be trusted since",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="UTC. When the key may have leaked, if that was earlier.",
    )
