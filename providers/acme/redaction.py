"""Removes known secrets from text, in the shapes in which programs print them."""

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "********"
_SHORTEST = 4
"""Shorter values would blank out ordinary words and are no secrets worth the name."""


class Redactor:
    """Replaces every known secret, longest first so that no tail of a longer one stays."""

    def __init__(self, secrets: Iterable[str]) -> None:
        shapes = {shape for secret in secrets for shape in _shapes(secret)}
        self._shapes = sorted((s for s in shapes if len(s) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for shape in self._shapes:
            text = text.replace(shape, MASK)
        return text


def _shapes(secret: str) -> Iterable[str]:
    # A key or an environment block is printed line by line, so that its lines are secrets as well.
    for part in {secret, *(line.strip() for line in secret.splitlines())}:
        if len(part) < _SHORTEST or part.startswith("-----"):
            continue
        plain = base64.b64encode(part.encode()).decode()
        url_safe = base64.urlsafe_b64encode(part.encode()).decode()
        yield from (part, quote(part), quote(part, safe=""), quote_plus(part))
        yield from (plain, plain.rstrip("="), url_safe, url_safe.rstrip("="))
        yield from (json.dumps(part)[1:-1], repr(part)[1:-1])


class Tail:
    """The last lines of a stream, redacted line by line so that no cut leaves half a secret."""

    def __init__(self, redact: Redactor, limit: int = 64 * 1024) -> None:
        self._redact = redact
        self._limit = limit
        self._lines: list[str] = []
        self._size = 0
        self._partial = b""
        self._skipped = 0

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the stream."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._add(line)
        if len(self._partial) > self._limit:
            self._skipped += len(self._partial)
            self._partial = b""

    def text(self) -> str:
        """What is kept, at most the limit."""
        if self._partial or self._skipped:
            self._add(self._partial)
            self._partial = b""
        return "\n".join(self._lines)

    def _add(self, raw: bytes) -> None:
        if self._skipped:
            line = f"[a line of {self._skipped + len(raw)} bytes is left out]"
            self._skipped = 0
        else:
            line = self._redact(raw.decode("utf-8", "replace").rstrip("\r"))
        self._lines.append(line)
        self._size += len(line) + 1
        while self._size > self._limit and len(self._lines) > 1:
            self._size -= len(self._lines.pop(0)) + 1
