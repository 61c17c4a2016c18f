"""To whom an object is hidden, it is not there: no answer of the API is other than if it were not.

"Absent" below is a name that differs from the hidden one in letters only, or a free key.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.matrix import calls, world
from tests.matrix.conftest import World, undone
from tests.matrix.people import NARROWED
from tests.matrix.sameness import Told, difference, told
from tests.matrix.tables import api
from tests.matrix.walk import Operation, operations
from tests.matrix.world import CANARY

pytestmark = pytest.mark.django_db

BLIND = ("owner", "outsider", "team", "mismatch")
"""Of those who are blind, one of each sort."""
ABSENT = "phantom"
ABOUT_ONE = sorted(
    name
    for name in api.ROWS
    if "{certificate}" in calls.QUERIES.get(name, "")
    or name == "set_grants"
    or ("{" in calls.operation(name).path and calls.kind(calls.operation(name)) in calls.KINDS)
)
LISTS = sorted(
    name
    for name in api.ROWS
    if name.startswith(("list_", "web_list_")) and calls.kind(calls.operation(name)) in calls.KINDS
)
READS = sorted(name for name in api.ROWS if calls.operation(name).method == "GET")


def absences(the_world: World) -> dict[str, str]:
    """Each hidden name and key, and one that nothing has."""
    keys = world.keys_of(the_world.hidden)
    free = {key: str(int(key) + 500) if key.isdigit() else str(uuid.uuid4()) for key in keys}
    return {CANARY: ABSENT, **free}


def ask(the_world: World, who: str, name: str, url: str, body: Any) -> Told:
    return told(the_world.api(who, calls.operation(name).method, url, body).answer)


def other(text: str, absent: dict[str, str]) -> str:
    for here, away in absent.items():
        text = text.replace(here, away)
    return text


def back(answer: Told, absent: dict[str, str]) -> Told:
    status, headers, body = answer
    for here, away in absent.items():
        headers = tuple((name, value.replace(away, here)) for name, value in headers)
        body = body.replace(away, here)
    return status, headers, body


def assert_same(the_world: World, who: str, name: str, url: str, body: dict[str, Any]) -> None:
    """The call about hidden objects is refused as it would be if there were none."""
    absent = absences(the_world)
    hidden = ask(the_world, who, name, url, body)
    changed = json.loads(other(json.dumps(body), absent))
    away = back(ask(the_world, who, name, other(url, absent), changed), absent)
    found = difference(hidden, away)
    assert not found, f"{who}: {url} {body}: {found}"
    assert hidden[0] >= 400, f"{who}: {url} {body}: {hidden}"


def is_blind(who: str, name: str) -> bool:
    """Names narrow a token to certificates; accounts and profiles are its owner's."""
    kind = calls.KINDS.get(calls.kind(calls.operation(name)), "")
    if kind == "providers.profile":
        return who not in NARROWED
    return who not in ("pattern", "mismatch") or kind.startswith(("certificates.", "clients."))


@pytest.mark.parametrize("name", ABOUT_ONE)
def test_a_hidden_object_is_answered_for_as_one_that_does_not_exist(
    the_world: World, name: str
) -> None:
    about = the_world.hidden if name == "set_grants" else the_world.shop
    url, body = calls.url(name, the_world.hidden), calls.body(name, about)
    for who in BLIND:
        if is_blind(who, name):
            assert_same(the_world, who, name, url, body)


def test_every_field_and_parameter_is_declared() -> None:
    """Whether it names an object, so that a new reference is held against hidden ones."""
    seen: set[str] = set()
    for operation in operations().values():
        seen |= set(operation.body) | {
            p["name"] for p in operation.parameters if p["in"] == "query"
        }
    assert seen <= set(calls.REFERENCES) | calls.PLAIN, seen
    assert set(calls.REFERENCES) | calls.PLAIN <= seen


NAMING = [
    (name, field)
    for name in sorted(api.ROWS)
    for field in sorted(set(calls.operation(name).body) & set(calls.REFERENCES))
    # A CA's own word: no object of ours.
    if (field, calls.kind(calls.operation(name))) != ("profile", "ca-accounts")
]


@pytest.mark.parametrize(("name", "field"), NAMING)
def test_naming_what_is_hidden_is_naming_what_does_not_exist(
    the_world: World, name: str, field: str
) -> None:
    named = calls.reference(field, the_world.hidden)
    for who in ("owner", "team", "stranger", "outsider"):
        if field == "profile" and who in NARROWED:
            continue
        things = the_world.blue if who == "stranger" else the_world.shop
        body = calls.body(name, things) | {field: named}
        if field == "account_id":
            body.pop("dns", None)  # It says the same, and counts first.
        if field == "profile" and "authority" in calls.operation(name).body:
            # With a CA it is a word of that one's.
            body = {key: body[key] for key in body if key not in ("ca", "dns")}
            body["authority"] = calls.reference("authority", things)
        assert_same(the_world, who, name, calls.url(name, things), body)


def queries(operation: Operation, the_world: World) -> Iterator[str]:
    hidden = the_world.hidden
    certificate = hidden["certificates.certificate"]
    version = certificate.versions.first()
    for parameter in operation.parameters:
        name = parameter["name"]
        if name in calls.REFERENCES:
            yield f"{name}={calls.reference(name, hidden)}"
        if name == "search":
            own = hidden[calls.KINDS[calls.kind(operation)]]
            words = (calls.name_of(own), CANARY, version.serial, version.fingerprint)
            yield from (f"search={word}" for word in words)
        if name == "ordering":
            yield from ("ordering=name", "ordering=-name")


@pytest.mark.parametrize("name", LISTS)
def test_no_filter_and_no_search_finds_what_is_hidden(the_world: World, name: str) -> None:
    version = the_world.hidden["certificates.certificate"].versions.first()
    for who in BLIND:
        for query in queries(calls.operation(name), the_world):
            url = f"{calls.url(name, the_world.shop)}?{quote(query, safe='=')}"
            answer, _ = the_world.api(who, "GET", url)
            leaks = the_world.leaks(answer, who) - {CANARY if CANARY in query else ""}
            assert not leaks, f"{who}: {url}: {leaks}"
            assert version.serial not in answer.content.decode() or version.serial in query


def test_every_answer_is_the_same_where_the_hidden_objects_never_were(the_world: World) -> None:
    """Counts, orders, pages, links: whatever might say that there is more than one sees."""

    def answers() -> dict[tuple[str, str], Told]:
        return {
            (name, who): ask(the_world, who, name, calls.url(name, the_world.shop), None)
            for name in READS
            for who in BLIND
            if is_blind(who, name)
        }

    before = answers()
    with undone():
        world.erase(the_world.hidden)
        after = answers()
    found = {key: difference(before[key], after[key]) for key in before}
    assert not {key: text for key, text in found.items() if text}
