"""The audit log over the API: who may read it, filters, proofs, verification, export."""

import base64
import json

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certmate.audit import merkle, notes, sealing, verification
from certmate.audit.canonical import canonical_json
from certmate.audit.models import Checkpoint, Event
from certmate.audit.services import record
from tests.caller import Caller, problem
from tests.cast import Cast

pytestmark = pytest.mark.usefixtures("data_dir")


def fill(count: int = 5) -> None:
    group, _ = Group.objects.get_or_create(name="told")
    for number in range(count):
        record(group, "group.told", order=number, reason="why")
    sealing.seal()


PATHS = ["", "/verify", "/export", "/checkpoints", "/consistency?first=1", "/1"]


@pytest.mark.parametrize("path", PATHS)
def test_the_log_is_read_by_auditors_alone(cast: Cast, path: str) -> None:
    fill()
    pk = Event.objects.latest("pk").pk
    url = f"/api/audit{path if path != '/1' else f'/{pk}'}"
    assert Caller(cast.auditor, "audit").get(url).status_code == 200
    for user in (cast.outsider, cast.operator):
        problem(Caller(user, "audit").get(url), 403, "access.denied")
    problem(Caller(cast.auditor, "read").get(url), 403, "access.scope")
    problem(Caller().get(url), 401, "auth.required")


def test_the_list_is_filtered_newest_first(cast: Cast) -> None:
    fill()
    caller = Caller(cast.auditor, "audit")
    found = caller.get("/api/audit?event=group.told&limit=2").json()
    assert [row["order_id"] for row in found["results"]] == [4, 3]
    more = caller.get(found["next"]).json()
    assert [row["order_id"] for row in more["results"]] == [2, 1]
    row = caller.get("/api/audit?order=3").json()["results"][0]
    assert row["actor"]["kind"] == "command"
    assert row["object"]["name"] == "told"
    assert row["reason"] == "why"
    for query in ("actor_kind=person", "until=2001-01-01T00:00:00Z", "address=192.0.2.9"):
        rows = caller.get(f"/api/audit?{query}").json()["results"]
        assert all(row["event"] != "group.told" for row in rows), query


@pytest.mark.parametrize("query", ["actor_kind=robot", "since=soon", "order=x", "q=1"])
def test_a_filter_that_makes_no_sense_is_an_error(cast: Cast, query: str) -> None:
    assert Caller(cast.auditor, "audit").get(f"/api/audit?{query}").status_code == 400
    assert Caller(cast.auditor, "audit").get(f"/api/audit/export?{query}").status_code == 400


def test_an_entry_comes_with_its_proof(cast: Cast) -> None:
    fill()
    caller = Caller(cast.auditor, "audit")
    event = Event.objects.filter(name="group.told").latest("pk")
    found = caller.get(f"/api/audit/{event.pk}").json()
    proof = found["proof"]
    stated = notes.parse(proof["checkpoint"])
    leaf = merkle.leaf_hash(canonical_json(found["sealed"]).encode())
    path = [base64.b64decode(hash_) for hash_ in proof["path"]]
    merkle.verify_inclusion(leaf, proof["position"], stated.size, path, stated.root)
    record(Group.objects.get(name="told"), "group.told")
    fresh = caller.get(f"/api/audit/{Event.objects.latest('pk').pk}").json()
    assert fresh["proof"] is None
    for number in (999999, 2**63 - 1, 2**63, 10**30):
        problem(caller.get(f"/api/audit/{number}"), 404, "request.not_found")


def test_the_log_of_earlier_is_proved_to_be_the_beginning(cast: Cast) -> None:
    fill()
    fill(20)
    caller = Caller(cast.auditor, "audit")
    new, old = caller.get("/api/audit/checkpoints").json()["results"]
    proof = caller.get(f"/api/audit/consistency?first={old['size']}").json()
    roots = [base64.b64decode(c["root"]) for c in (old, new)]
    path = [base64.b64decode(hash_) for hash_ in proof["path"]]
    merkle.verify_consistency(old["size"], new["size"], path, *roots)
    for query in ("", "first=0", f"first={new['size'] + 1}"):
        assert caller.get(f"/api/audit/consistency?{query}").status_code == 400


def test_verification_tells_what_is_wrong(cast: Cast) -> None:
    fill()
    caller = Caller(cast.auditor, "audit")
    told = caller.get("/api/audit/verify").json()
    assert told["is_sound"] is True
    assert told["last_full"] is None
    assert told["checkpoint"] == Checkpoint.objects.latest("size").note
    event = Event.objects.filter(name="group.told").latest("pk")
    Event.objects.filter(pk=event.pk).update(reason="another")
    told = caller.get("/api/audit/verify").json()
    assert told["is_sound"] is False
    assert (told["fault"]["kind"], told["fault"]["entry_id"]) == ("edited", event.pk)
    verification.verify_fully()
    Event.objects.filter(pk=event.pk).update(reason="why")
    told = caller.get("/api/audit/verify").json()
    assert (told["is_sound"], told["fault"]) == (False, None)
    assert told["last_full"]["fault"]["entry_id"] == event.pk


@pytest.mark.parametrize(("form", "kind"), [("jsonl", "application/jsonl"), ("csv", "text/csv")])
def test_an_export_is_streamed(cast: Cast, form: str, kind: str) -> None:
    fill()
    answer = Caller(cast.auditor, "audit").get(f"/api/audit/export?format={form}&event=group.told")
    assert answer.streaming
    assert answer["Content-Type"].startswith(kind)
    lines = b"".join(answer).decode().splitlines()
    assert len(lines) == (7 if form == "jsonl" else 6)
    if form == "jsonl":
        assert json.loads(lines[0])["complete"] is False
    assert Event.objects.get(name="audit.exported").entry.additional_data["form"] == form


def test_a_page_takes_as_many_queries_for_many_rows(cast: Cast) -> None:
    caller = Caller(cast.auditor, "audit")

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert caller.get("/api/audit?limit=200").status_code == 200
        return len(captured)

    fill()
    count()
    few = count()
    fill(100)
    assert count() == few
