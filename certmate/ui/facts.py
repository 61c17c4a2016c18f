"""What an object's page shows first: facts in groups, and tables of what belongs to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


@dataclass(frozen=True)
class Fact:
    """One line. Without a value it says so with a dash."""

    label: str
    value: Any
    hint: str = ""

    @property
    def shown(self) -> Any:
        return "\N{EN DASH}" if self.value is None or self.value == "" else self.value


@dataclass(frozen=True)
class FactGroup:
    """Facts under one title."""

    title: str
    facts: Sequence[Fact]


@dataclass(frozen=True)
class Table:
    """Rows that belong to the object; `more` is the address of all of them."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty: str = ""
    more: str = ""
    more_label: str = field(default="Show all")


def code(text: str) -> SafeString | str:
    """A value that is compared or copied character by character."""
    if not text:
        return ""
    return format_html(
        '<span class="copyable"><code>{}</code>'
        '<button type="button" class="copy" data-copy="{}" aria-label="Copy" hidden>'
        "</button></span>",
        text,
        text,
    )


def lines(values: Sequence[str]) -> SafeString | str:
    """One value a line."""
    if not values:
        return ""
    items = format_html_join("", "<li>{}</li>", ((value,) for value in values))
    return format_html('<ul class="plain">{}</ul>', items)


def link(url: str, label: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, label)
