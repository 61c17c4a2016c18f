"""Whether two answers are the same, but for what is never the same."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

Told = tuple[int, tuple[tuple[str, str], ...], str]
"""Status, headers and body."""

_EVER_NEW = re.compile(
    r"csrftoken=\w+|expires=[^;]+|csrfmiddlewaretoken\W+value\W+\w+"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?|\d+ (s|min|h|d) ago"
    r"|in \d+ (s|min|h|d)\b|(?<=>)now(?=</time>)"
)
_OWN_HEADERS = {"x-request-id", "etag", "date", "expires", "content-length"}


def told(answer: Any, replaced: Mapping[str, str] | None = None) -> Told:
    """What the answer says, with some words replaced by others."""

    def plain(text: str) -> str:
        for old, new in (replaced or {}).items():
            text = text.replace(old, new)
        return _EVER_NEW.sub("", text)

    cookies: Iterable[Any] = answer.cookies.values()
    headers = [*answer.headers.items(), *(("Set-Cookie", str(cookie)) for cookie in cookies)]
    kept = ((name, plain(value)) for name, value in headers if name.lower() not in _OWN_HEADERS)
    return (
        answer.status_code,
        tuple(sorted(kept)),
        plain(answer.getvalue().decode(errors="replace")),
    )


def difference(first: Told, second: Told) -> str:
    """Where two answers part; "" if they are the same."""
    if first == second:
        return ""
    if first[:2] != second[:2]:
        return f"{first[:2]} and {second[:2]}"
    at = next(
        (i for i, (a, b) in enumerate(zip(first[2], second[2], strict=False)) if a != b),
        min(len(first[2]), len(second[2])),
    )
    around = slice(max(0, at - 80), at + 80)
    return f"…{first[2][around]}… and …{second[2][around]}…"
