"""To whom an object is hidden, it is not there: no page is other than if it were not."""

import re
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.db import models

from certmate.ui.base import admin_url
from tests.matrix import pages, world
from tests.matrix.conftest import World, undone
from tests.matrix.sameness import Told, difference, told
from tests.matrix.world import Things

pytestmark = pytest.mark.django_db

BLIND = ("owner", "outsider")
"""Who sees something, and who sees nothing."""
ABOUT_ONE = [name for name, address in pages.pages().items() if "{object_id}" in address.route]
ELSEWHERE = ("logout", "login")
"""Pages about the session, not about what there is."""
SHOWS_ONLY = re.compile(r"_(changelist|history|access|progress|export)$|/$|^(login|logout|jsi18n)$")
LISTS = sorted(admin.site._registry, key=str)


def get(the_world: World, who: str, url: str) -> Any:
    return the_world.page(who, "GET", url).answer


def post(the_world: World, who: str, url: str, data: dict[str, Any]) -> Any:
    return the_world.page(who, "POST", url, **data).answer


def absent(key: object) -> str:
    """A key like this one that nothing has."""
    return str(uuid.uuid4()) if isinstance(key, uuid.UUID) else str(int(str(key)) + 500)


def assert_same(answers: Sequence[Any], replaced: dict[str, str], what: str) -> None:
    """The answer about the hidden object and the one about an absent one."""
    hidden, away = answers
    back = {other: here for here, other in replaced.items()}
    found = difference(told(hidden), told(away, back))
    assert not found, f"{what}: {found}"


@pytest.mark.parametrize("name", ABOUT_ONE)
def test_a_page_of_a_hidden_object_is_that_of_one_that_does_not_exist(
    the_world: World, name: str
) -> None:
    row, url = pages.target(name, the_world.hidden), pages.url(name, the_world.hidden)
    key = absent(row.pk)
    other = url.replace(str(row.pk), key)
    same = {str(row.pk): key}
    for who in BLIND:
        assert_same([get(the_world, who, at) for at in (url, other)], same, f"{who} {url}")
    data = pages.sent(name, the_world.hidden)
    answers = [post(the_world, "owner", at, data) for at in (url, other)]
    assert_same(answers, same, f"owner posts {url}")


def queries(model: type[models.Model], hidden: Things) -> Iterator[tuple[str, dict[str, str]]]:
    """Query strings about hidden objects, and the words that make them about absent ones."""
    phantom = {world.CANARY: "phantom"}
    yield f"?q={world.CANARY}-ca", phantom
    yield f"?q=www.{world.CANARY}.test", phantom
    yield f"?name__startswith={world.CANARY}", phantom
    for field in model._meta.get_fields():
        related = getattr(field, "related_model", None)
        row = hidden.rows.get(related._meta.label_lower) if related else None
        if row is not None:
            key = {str(row.pk): absent(row.pk)}
            yield f"?{field.name}__id__exact={row.pk}", key
            yield f"?{field.name}__name__startswith={world.CANARY}", phantom
    own = hidden.rows.get(model._meta.label_lower)
    if own is not None:
        yield f"?id={own.pk}", {str(own.pk): absent(own.pk)}
        yield f"?_to_field=name&q={own}".replace(" ", "+"), phantom


@pytest.mark.parametrize("model", LISTS, ids=lambda model: str(model._meta.label))
def test_no_filter_and_no_search_finds_what_is_hidden(
    the_world: World, model: type[models.Model]
) -> None:
    at = admin_url(model, "changelist")
    for query, replaced in queries(model, the_world.hidden):
        away = query
        for here, other in replaced.items():
            away = away.replace(here, other)
        answers = [get(the_world, "owner", at + asked) for asked in (query, away)]
        assert_same(answers, replaced, f"{at}{query}")


@pytest.mark.parametrize("query", ["?e=1", "?o=1", "?o=-2.1", "?p=2", "?p=9", "?all=", "?_popup=1"])
def test_no_order_and_no_page_of_a_list_shows_what_is_hidden(the_world: World, query: str) -> None:
    for model in LISTS:
        answer = get(the_world, "owner", admin_url(model, "changelist") + query)
        assert not the_world.leaks(answer, "owner"), f"{model._meta.label} {query}"


def test_autocomplete_offers_nothing_hidden(the_world: World) -> None:
    """Django answers for every foreign key whose other side has a searched list."""
    for model in LISTS:
        for field in [*model._meta.fields, *model._meta.many_to_many]:
            query = f"app_label={model._meta.app_label}&model_name={model._meta.model_name}"
            for term in ("", world.CANARY):
                url = f"/admin/autocomplete/?{query}&field_name={field.name}&term={term}"
                answer = get(the_world, "owner", url)
                assert answer.status_code in (200, 403, 404)
                assert not the_world.leaks(answer, "owner"), url


def picked(form: forms.BaseForm) -> "Iterator[tuple[str, forms.ModelChoiceField[Any]]]":
    for name, field in form.fields.items():
        if isinstance(field, forms.ModelChoiceField):
            yield name, field


@pytest.mark.parametrize("name", [name for name in pages.pages() if not SHOWS_ONLY.search(name)])
def test_picking_what_is_hidden_is_picking_what_does_not_exist(the_world: World, name: str) -> None:
    who, things = "owner", the_world.shop
    url = pages.url(name, things) + pages.KINDS.get(name, "")
    context = getattr(get(the_world, who, url), "context", None) or {}
    form = context.get("form") if "form" in context else None
    for field, choice in picked(form) if isinstance(form, forms.BaseForm) else ():
        offered = choice.queryset
        assert offered is not None
        row = the_world.hidden[offered.model._meta.label_lower]
        assert not offered.filter(pk=row.pk).exists(), f"{url} {field}"
        by_name = choice.to_field_name == "name"
        value, away = (row.name, "phantom-team") if by_name else (str(row.pk), absent(row.pk))
        sent = pages.sent(name, things)
        answers = [post(the_world, who, url, sent | {field: key}) for key in (value, away)]
        assert_same(answers, {value: away}, f"{who} {url} {field}")


def test_every_page_is_the_same_where_the_hidden_objects_never_were(the_world: World) -> None:
    """Counts, panels, navigation, choices of filters: whatever might say that there is more."""

    def answers() -> dict[str, Told]:
        return {
            name: told(get(the_world, "owner", pages.url(name, the_world.shop)))
            for name in pages.pages()
            if name not in ELSEWHERE
        }

    before = answers()
    with undone():
        world.erase(the_world.hidden)
        after = answers()
    found = {key: difference(before[key], after[key]) for key in before}
    assert not {key: text for key, text in found.items() if text}
