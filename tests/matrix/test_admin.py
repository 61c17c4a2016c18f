"""Every page of the admin, by everybody: what the tables say, and nothing else."""

import re
from typing import Any

import pytest
from django.apps import apps

from certmate.ui.base import admin_url
from tests.matrix import pages
from tests.matrix.conftest import Reply, World, undone
from tests.matrix.people import PEOPLE
from tests.matrix.tables import admin as tables
from tests.matrix.tables import shown
from tests.matrix.walk import actions
from tests.matrix.watch import writes

pytestmark = pytest.mark.django_db


def visit(the_world: World, who: str, method: str, name: str) -> Reply:
    """The page about the shop's object."""
    data = pages.sent(name, the_world.shop)
    return the_world.page(who, method, pages.url(name, the_world.shop), **data)


def test_every_page_is_declared_once_and_every_declaration_is_a_page() -> None:
    declared = [line for name in tables.ROWS for line in pages.lines(name)]
    assert sorted(declared) == sorted(
        (name, method) for name in pages.pages() for method in pages.METHODS
    )


@pytest.mark.parametrize("name", sorted(tables.ROWS))
def test_everybody_gets_what_is_declared(the_world: World, name: str) -> None:
    for plain, method in pages.lines(name):
        got = {}
        for who in PEOPLE:
            answer, written = visit(the_world, who, method, plain)
            got[who] = str(answer.status_code)
            if answer.status_code >= 400 or method == "GET":
                assert not written, f"{who} was told {answer.status_code}, but: {written}"
            leaks = the_world.leaks(answer, who)
            assert not leaks, f"{who} was shown {leaks}"
        assert shown(name, got) == shown(name, tables.ROWS[name]), method


@pytest.mark.parametrize("name", sorted(set(pages.pages()) - set(tables.PUBLIC)))
def test_who_is_not_signed_in_as_staff_sees_the_sign_in_page_alone(
    the_world: World, name: str
) -> None:
    """Not somebody without staff status, whatever his rights are, nor a token of a superuser."""
    for who in ("anonymous", "no staff"):
        for method in pages.METHODS:
            answer, written = visit(the_world, who, method, name)
            assert (answer.status_code, not written) == (302, True), who
            assert answer.headers["Location"].startswith(tables.SIGN_IN)
    answer, _ = the_world.api("root", "GET", pages.url(name, the_world.shop))
    assert answer.headers["Location"].startswith(tables.SIGN_IN)


def test_every_action_is_declared_and_every_declaration_is_an_action() -> None:
    assert set(tables.ACTIONS) == set(actions())


@pytest.mark.parametrize("name", sorted(tables.ACTIONS))
def test_an_action_is_done_to_what_is_allowed_and_says_what_is_not(
    the_world: World, name: str
) -> None:
    """Ticked are the shop's object, blue's and a hidden one: how many are done and skipped."""
    label, _, action = name.partition(":")
    model = apps.get_model(label.replace("_", ".", 1))
    rows = [things[model._meta.label_lower] for things in the_world.all]
    got = {}
    for who in PEOPLE:
        with undone(), writes() as written:
            answer = the_world.crew.browser(who).post(
                admin_url(model, "changelist"),
                {"action": action, "_selected_action": [row.pk for row in rows], "index": "0"},
                follow=True,
            )
        got[who] = outcome(answer)
        assert not the_world.leaks(answer, who)
        assert not written or got[who][0] in "123", f"{who}: {written}"
    assert shown(name, got) == shown(name, tables.ACTIONS[name])


def outcome(answer: Any) -> str:
    """`2/1` for two done and one skipped, `-` for an action that is not offered, or the status."""
    if answer.status_code != 200:
        return str(answer.status_code)
    said = " ".join(str(message) for message in answer.context["messages"])
    if not said or said.startswith("No action"):
        return "-"
    done, skipped = re.match(r"(\d+) ", said), re.search(r", (\d+) skipped", said)
    assert done is not None, said
    return f"{done[1]}/{skipped[1] if skipped else 0}"
