"""Every event that the code tells of can be chosen in the filter."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from certmate.audit.vocabulary import DOMAIN, event_names

ROOT = Path(__file__).parents[2]
EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
TELLERS = {"audit", "record", "record_about", "record_many", "tell", "_tell", "_changed", "_end"}


def told() -> Iterator[str]:
    for package in ("certmate", "certificates", "clients", "providers", "storage"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and name_of(node.func) in TELLERS:
                    yield from literals(node)


def name_of(function: ast.expr) -> str:
    return getattr(function, "id", getattr(function, "attr", ""))


def literals(call: ast.Call) -> Iterator[str]:
    for part in (node for argument in call.args for node in ast.walk(argument)):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield from EVENT.findall(part.value)


def test_no_event_is_missing_from_the_filter() -> None:
    found = set(told())
    assert len(found) > 30
    assert found - set(event_names()) == set()


def test_the_names_are_sorted_and_told_once() -> None:
    assert list(DOMAIN) == sorted(set(DOMAIN))
