"""Every address that is neither the admin's nor the API's; together they are all that there is."""

import re

import pytest

from tests.matrix.conftest import World
from tests.matrix.pages import METHODS, pages
from tests.matrix.tables import shown, site
from tests.matrix.walk import Address, addresses
from tests.openapi import schema

pytestmark = pytest.mark.django_db


def others() -> dict[str, Address]:
    """The addresses by name; those that have none by where they are."""
    api = {_shape(path) for path in schema()["paths"]}
    return {
        address.name or address.route: address
        for address in addresses()
        if not address.is_admin and _shape(address.route) not in api
    }


def _shape(route: str) -> str:
    return re.sub(r"{\w+}", "{}", route)


def test_every_address_is_declared_and_every_declaration_is_an_address() -> None:
    declared = {(line.partition(".")[0], line.partition(".")[2]) for line in site.ROWS}
    lines = {(name, one) for name, method in declared for one in ([method] if method else METHODS)}
    assert lines == {(name, method) for name in others() for method in METHODS}


def test_every_operation_of_the_api_is_an_address() -> None:
    """The schema invents nothing, and hides nothing below /api/."""
    routes = {_shape(address.route) for address in addresses() if not address.is_admin}
    assert {_shape(path) for path in schema()["paths"]} <= routes
    hidden = {name for name, address in others().items() if address.route.startswith("/api/")}
    assert hidden == {"/api/docs"}
    assert pages()


@pytest.mark.parametrize("name", sorted(site.ROWS))
def test_everybody_gets_what_is_declared(the_world: World, name: str) -> None:
    plain, _, only = name.partition(".")
    url = others()[plain].url(dict.fromkeys(others()[plain].variables, 1))
    for method in [only] if only else METHODS:
        got = {}
        for who in site.COLUMNS:
            answer, written = the_world.page(who, method, url)
            got[who] = str(answer.status_code)
            leaks = the_world.leaks(answer, "outsider")
            assert not leaks, f"{who} was shown {leaks}"
            if answer.status_code >= 400:
                assert not written, f"{who} was told {answer.status_code}, but: {written}"
        assert shown(name, got) == shown(name, site.ROWS[name]), method
