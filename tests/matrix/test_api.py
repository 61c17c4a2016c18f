"""Every operation of the API, by everybody: what the tables say, and nothing else."""

from dataclasses import replace

import pytest

from tests.matrix import calls
from tests.matrix.conftest import Reply, World
from tests.matrix.people import EVERYBODY, REFUSED, browser
from tests.matrix.tables import api, shown
from tests.matrix.walk import operations
from tests.matrix.world import Things

pytestmark = pytest.mark.django_db


def ask(the_world: World, who: str, name: str, things: Things) -> Reply:
    """The call of that line about the team's objects."""
    operation, body = calls.operation(name), calls.body(name, things)
    sent = body if body or operation.body else None
    return the_world.api(who, operation.method, calls.url(name, things), sent)


def test_every_operation_is_declared_and_every_declaration_is_an_operation() -> None:
    declared = {name.partition(".")[0] for name in api.ROWS}
    assert declared | set(api.PUBLIC) == set(operations())


@pytest.mark.parametrize("name", sorted(api.ROWS))
def test_everybody_gets_what_is_declared(the_world: World, name: str) -> None:
    got = {}
    for who in EVERYBODY:
        answer, written = ask(the_world, who, name, the_world.shop)
        got[who] = str(answer.status_code)
        if answer.status_code >= 400 or calls.operation(name).method == "GET":
            assert not written, f"{who} was told {answer.status_code}, but: {written}"
        leaks = the_world.leaks(answer, who)
        assert not leaks, f"{who} was shown {leaks}"
    assert shown(name, got) == shown(name, api.ROWS[name])


@pytest.mark.parametrize("name", sorted(api.ROWS))
def test_who_is_nobody_does_nothing(the_world: World, name: str) -> None:
    for things in (the_world.shop, the_world.hidden):
        for who in REFUSED:
            answer, written = ask(the_world, who, name, things)
            assert (answer.status_code, written) == (401, []), who
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("name", sorted(api.PUBLIC))
def test_what_is_public_tells_nothing(the_world: World, name: str) -> None:
    answer, written = ask(the_world, "anonymous", name, the_world.shop)
    assert answer.status_code in (200, 503)
    assert not written
    assert not the_world.leaks(answer, "outsider")


def test_a_session_is_not_enough_to_change_anything(the_world: World) -> None:
    """What a page elsewhere makes a browser send has no CSRF token."""
    forged = browser(enforce_csrf_checks=True)
    forged.cookies = the_world.crew.browser("root").cookies
    crew = replace(the_world.crew, api={"root": forged})
    for name in sorted(api.ROWS):
        if calls.operation(name).method != "GET":
            answer, written = ask(replace(the_world, crew=crew), "root", name, the_world.shop)
            assert (answer.status_code, written) == (403, []), name
            assert answer.json()["code"] == "access.csrf"
