"""Rows that no database takes, numbers that no date takes, and requests sent twice at once."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certmate.access.actors import Actor
from certmate.core.errors import Conflict, InvalidRequest
from clients import batching, services
from clients.models import Batch, BatchRow, ClientCertificate
from clients.services import BatchInvalid, ClientWish, batches
from clients.services.rows import from_csv, from_json
from tests import factories_clients
from tests.caller import Caller
from tests.clients import world
from tests.clients.world import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/api/client-certificates/batch"


@pytest.fixture
def boss() -> Actor:
    world.target()
    world.authority()
    return Actor.of(User.objects.create_superuser("boss"))


def frame() -> ClientWish:
    return ClientWish(authority="issuing", profile="device")


def create(actor: Actor, *rows: dict[str, Any]) -> Batch:
    return services.create_batch(actor=actor, frame_wish=frame(), rows=from_json(list(rows)))


@pytest.mark.parametrize("letter", ["\ud800", "\0"])
@pytest.mark.parametrize(
    "name", ["key", "identity", "notes", "identifier", "common_name", "csr", "key_type"]
)
def test_a_text_that_no_database_takes_is_refused_with_its_field(
    boss: Actor, name: str, letter: str
) -> None:
    with pytest.raises(BatchInvalid) as refused:
        create(boss, {"common_name": "a", name: f"a{letter}b"})
    assert refused.value.rows[1][0] == name


@pytest.mark.parametrize(
    "row",
    [
        {"tags": ["\ud800"]},
        {"tags": ["a\0b"]},
        {"san": {"dns": ["\ud800"]}},
        {"identity": ["a"]},
        {"identity": {"a": "b"}},
        {"key": "\ud800"},
        {"notes": "a\0b"},
        {"validity_days": 10**10},
        {"validity_days": 10**400},
        {"validity_days": 40 * 365 + 1},
    ],
)
def test_a_hostile_row_is_a_problem_document(boss: Actor, row: dict[str, Any]) -> None:
    assert boss.user is not None
    body = {"authority": "issuing", "profile": "device", "rows": [{"common_name": "a"} | row]}
    answer = Caller(boss.user).client.generic(
        "POST", PATH, json.dumps(body), content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.json()["code"] == "batch.invalid"


@pytest.mark.parametrize("days", ["9" * 5000, "9999999999999", "9999999", "999999", "0", "-1"])
def test_a_cell_with_too_many_days_is_refused_with_its_field(boss: Actor, days: str) -> None:
    text = f"common_name,validity_days\na,{days}\n"
    with pytest.raises(BatchInvalid) as refused:
        services.create_batch(actor=boss, frame_wish=frame(), rows=from_csv(text))
    assert refused.value.rows[1][0] == "validity_days"


@pytest.mark.parametrize("days", [0, -1, 10**10, 40 * 365 + 1])
def test_one_certificate_has_the_same_longest_life(boss: Actor, days: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        world.issue("one", validity_days=days)
    assert refused.value.field == "validity_days"


@pytest.mark.parametrize("name", ["notes", "identity", "identifier", "authority", "team", "csr"])
def test_one_certificate_takes_no_other_texts(boss: Actor, name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        world.issue("one", **{name: "a\ud800"})
    assert refused.value.field == name


def test_what_all_rows_have_in_common_is_checked_too(boss: Actor) -> None:
    wish = ClientWish(authority="\ud800")
    with pytest.raises(InvalidRequest) as refused:
        services.create_batch(actor=boss, frame_wish=wish, rows=from_json([{"common_name": "a"}]))
    assert refused.value.field == "authority"


ROW = {"common_name": "x", "key": "k1"}


def test_a_request_that_is_sent_again_while_the_first_is_taken_in(boss: Actor) -> None:
    first = create(boss, ROW)
    Batch.objects.update(state="loading")
    with pytest.raises(BatchInvalid) as refused:
        create(boss, ROW)
    assert refused.value.rows[1][0] == "key"
    Batch.objects.update(state="queued")
    batching.run_batch(first.pk)
    again = create(boss, ROW)
    assert (again.repeated, ClientCertificate.objects.count()) == (1, 1)


@pytest.mark.parametrize("state", ["loading", "queued", "done"])
def test_of_two_that_pass_the_check_at_once_one_has_the_key(
    boss: Actor, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """The other's rows come in between the check and the first INSERT."""
    load, made = batches._load, []

    def overtaken(batch: Batch, rows: list[BatchRow]) -> None:
        monkeypatch.setattr(batches, "_load", load)
        made.append(create(boss, ROW))
        if state == "done":
            batching.run_batch(made[0].pk)
        else:
            Batch.objects.filter(pk=made[0].pk).update(state=state)
        load(batch, rows)

    monkeypatch.setattr(batches, "_load", overtaken)
    with pytest.raises(Conflict) as refused:
        create(boss, ROW)
    assert refused.value.field == "key"
    lost = Batch.objects.exclude(pk=made[0].pk).get()
    assert (lost.state, lost.error_code) == ("failed", "request.conflict")
    assert BatchRow.objects.get(key="k1").batch == made[0]


@pytest.mark.parametrize(
    ("batch", "row"), [("cancelled", "queued"), ("failed", "queued"), ("running", "failed")]
)
def test_an_attempt_that_came_to_nothing_makes_room(boss: Actor, batch: str, row: str) -> None:
    first = create(boss, ROW)
    Batch.objects.filter(pk=first.pk).update(state=batch)
    BatchRow.objects.update(state=row)
    assert BatchRow.objects.get(key="k1").batch == first
    second = create(boss, ROW)
    assert BatchRow.objects.get(key="k1").batch == second


def test_deleting_a_holder_of_many_loads_none_of_them(boss: Actor) -> None:
    holder = factories_clients.identity("jane")
    for number in range(3):
        world.issue(f"one-{number}", identity="jane")
    with CaptureQueriesContext(connection) as queries, pytest.raises(Conflict) as refused:
        services.delete_identity(actor=SYSTEM, identity=holder)
    assert refused.value.code == "identity.in_use"
    asked = [one["sql"] for one in queries if "clients_clientcertificate" in one["sql"]]
    assert len(asked) == 1
    assert "LIMIT 1" in asked[0]
