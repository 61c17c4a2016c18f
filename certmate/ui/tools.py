"""Verbs on one object as buttons: each asks for what it needs, then calls its service."""

from typing import ClassVar

from django.db import models
from django.http import HttpResponse

from certmate.access.verbs import Verb
from certmate.ui.base import admin_url
from certmate.ui.forms import M, ObjectForm


class Tool(ObjectForm[M]):
    """One verb. `name` is its place in the URL, `explanation` what the confirmation page says.

    A direct tool is one click without that page; one outside the toolbar is linked elsewhere.
    """

    # A template would call the class, as it calls everything that can be called.
    do_not_call_in_templates = True

    name: ClassVar[str]
    label: ClassVar[str]
    verb: ClassVar[Verb]
    explanation: ClassVar[str] = ""
    in_toolbar: ClassVar[bool] = True
    is_direct: ClassVar[bool] = False
    is_primary: ClassVar[bool] = False
    is_dangerous: ClassVar[bool] = False

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        """Whether the button makes sense for the object as it is; the service decides again."""
        return True

    def told(self) -> str:
        """What the next page says when it is done."""
        return "Done."

    def next_url(self) -> str:
        """Where to go then; the object's own page if empty."""
        return ""

    def response(self) -> HttpResponse | None:
        """An answer of its own, such as a file, instead of a redirect."""
        return None


class DeleteTool(Tool[M]):
    """What all deletions share; `carry_out` calls the service."""

    name, label, verb, is_dangerous = "delete", "Delete", Verb.DELETE, True

    def told(self) -> str:
        return f"{self.obj} was deleted."

    def next_url(self) -> str:
        return admin_url(type(self.obj), "changelist")
