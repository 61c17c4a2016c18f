"""What the overview answers: numbers that lead to their rows, and hints on what to do next.

Apps add theirs; this module knows none of them. Together they cost few queries, each bounded.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.http import HttpRequest

MOST = 1000
"""Where counting stops: beyond this the number says nothing new."""


@dataclass(frozen=True)
class Answer:
    """A number with its meaning; `tone` colours it if it is not zero."""

    label: str
    count: int
    url: str
    tone: str = "info"

    @property
    def shown(self) -> str:
        return f"{MOST}+" if self.count > MOST else str(self.count)


@dataclass(frozen=True)
class Hint:
    """Something that a person should do next."""

    text: str
    url: str
    label: str


_answers: list[Callable[[HttpRequest], Iterable[Answer]]] = []
_hints: list[Callable[[HttpRequest], Iterable[Hint]]] = []


def register(
    *,
    answers: Callable[[HttpRequest], Iterable[Answer]] | None = None,
    hints: Callable[[HttpRequest], Iterable[Hint]] | None = None,
) -> None:
    """Add an app's part, while its admin module is imported."""
    if answers:
        _answers.append(answers)
    if hints:
        _hints.append(hints)


def answers(request: HttpRequest) -> list[Answer]:
    return [answer for part in _answers for answer in part(request)]


def hints(request: HttpRequest) -> list[Hint]:
    return [hint for part in _hints for hint in part(request)]
