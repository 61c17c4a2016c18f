"""The world is built once for a module, in a transaction; each call in it is undone."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator

from certmate.audit import sealing
from providers.acme import client
from providers.acme.client import Probed, Registered
from providers.models import Profile
from tests.matrix import people, world
from tests.matrix.people import BLIND, NARROWED, Crew
from tests.matrix.watch import writes
from tests.matrix.world import CANARY, Things
from tests.openapi import schema


class Reply(NamedTuple):
    """The answer, and what was written for it."""

    answer: Any
    written: list[str]


@dataclass(frozen=True)
class World:
    """Everything there is, and the only way to call it."""

    shop: Things
    blue: Things
    hidden: Things
    crew: Crew

    @property
    def all(self) -> tuple[Things, Things, Things]:
        return self.shop, self.blue, self.hidden

    def api(self, who: str, method: str, url: str, body: Any = None) -> Reply:
        """A call of the API, of which nothing stays."""
        caller = self.crew.api[who]
        data = "" if body is None else json.dumps(body)
        with undone(), writes() as written:
            answer = caller.generic(method, url, data, content_type="application/json")
        return Reply(answer, written)

    def page(self, who: str, method: str, url: str, **data: Any) -> Reply:
        """A page in the browser of somebody, of which nothing stays."""
        browser = self.crew.browser(who)
        with undone(), writes() as written:
            answer = browser.get(url) if method == "GET" else browser.post(url, data)
        return Reply(answer, written)

    def leaks(self, answer: Any, who: str) -> set[str]:
        """What the answer says to one of the blind about what does not exist for him.

        Profiles are nobody's, and a token sees all that its owner sees.
        """
        said = f"{answer.headers} {answer.getvalue().decode(errors='replace')}".lower()
        if who in NARROWED:
            for profile in Profile.objects.filter(name__startswith=CANARY):
                said = said.replace(profile.name, "").replace(str(profile.pk), "")
        return {secret for secret in self.secrets_from(who) if secret in said}

    def secrets_from(self, who: str) -> set[str]:
        """A token that is narrowed by names alone sees the accounts that its owner sees."""
        if who not in BLIND:
            return set()
        if who not in ("pattern", "mismatch"):
            return {CANARY, *world.keys_of(self.hidden)}
        names = [
            name for name in self.hidden.rows if name.startswith(("certificates.", "clients."))
        ]
        keys = (str(self.hidden[name].pk) for name in names)
        return {f"www.{CANARY}", f"client.{CANARY}", *keys}


@contextmanager
def undone() -> Iterator[None]:
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]  # Durable blocks may be within it.
    with block:
        yield
        transaction.set_rollback(True)


@contextmanager
def quiet() -> Iterator[None]:
    """Thousands of refusals are what this is about; the log need not have each."""
    levels = {name: logging.getLogger(name).level for name in ("django.request", "django.security")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture(scope="module")
def the_world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Everything, and the API's schema made once: that says who may read it, not what it is."""
    with quiet(), pytest.MonkeyPatch.context() as patched, django_db_blocker.unblock(), undone():
        made = schema()
        patched.setattr(SchemaGenerator, "get_schema", lambda *_, **__: made)
        # Nobody is called by name here: who may ask for a trial is all that this is about.
        registered = Registered("https://ca.invalid/account", {})
        patched.setattr(client, "register", lambda *_, **__: registered)
        patched.setattr(client, "probe", lambda *_: Probed("_acme-challenge.shop.test", True))
        shop, blue, hidden = world.shop(), world.blue(), world.hidden()
        for things in (shop, blue, hidden):
            world.people_and_rules(things)
        crew = people.hire(shop.team, blue.team)
        for things, who in ((shop, "owner"), (blue, "stranger"), (hidden, "root")):
            world.approval(things, crew.users[who])
        sealing.seal()
        yield World(shop, blue, hidden, crew)
