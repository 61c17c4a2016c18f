"""Small coloured words for states. A badge says in words what its colour says."""

from dataclasses import dataclass
from typing import Literal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Tone = Literal["good", "info", "warn", "bad", "mute"]
TONES: tuple[Tone, ...] = ("good", "info", "warn", "bad", "mute")


@dataclass(frozen=True)
class Badge:
    """A state's label and tone; `title` is shown when it is pointed at."""

    label: str
    tone: str = "mute"
    title: str = ""

    def __html__(self) -> SafeString:
        tone = self.tone if self.tone in TONES else "mute"
        return format_html(
            '<span class="badge badge-{}"{}>{}</span>', tone, _title(self.title), self.label
        )

    def __str__(self) -> str:
        return self.__html__()


def row(*badges: Badge) -> SafeString:
    """Badges side by side."""
    return format_html_join(" ", "{}", ((badge,) for badge in badges))


def _title(text: str) -> SafeString | str:
    return format_html(' title="{}"', text) if text else ""
