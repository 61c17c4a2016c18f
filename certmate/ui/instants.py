"""Instants for people: how far away, with the exact time in UTC when it is pointed at."""

from datetime import datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString

_STEPS = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
)


def absolute(at: datetime | None) -> str:
    """`2026-12-05 10:00 UTC`; a dash for never."""
    return "\N{EN DASH}" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def distance(at: datetime, now: datetime) -> str:
    """`in 12 d`, `3 h ago`, `now`."""
    span = abs(at - now)
    for unit, letter in _STEPS:
        if span >= unit:
            amount = f"{span // unit} {letter}"
            return f"in {amount}" if at > now else f"{amount} ago"
    return "now"


def relative(at: datetime | None, now: datetime, *, tone: str = "") -> SafeString:
    """The distance, marked up with the exact time."""
    if at is None:
        return format_html('<span class="quiet never">{}</span>', "\N{EN DASH}")
    return format_html(
        '<time datetime="{}" title="{}" class="{}">{}</time>',
        at.isoformat(),
        absolute(at),
        f"when {tone}".strip(),
        distance(at, now),
    )
