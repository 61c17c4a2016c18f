"""Batches over the API: taken in whole or not at all, followed, handed out."""

import csv
import io
import json
import zipfile
from typing import Any

import pytest
from auditlog.models import LogEntry
from guardian.shortcuts import assign_perm

from certmate.access.actors import Actor
from certmate.access.services import create_team
from clients import batching
from clients.models import Batch, BatchRow, ClientCertificate
from providers.models import LedgerEntry
from tests import factories_clients as factories
from tests.access import four_eyes
from tests.caller import Answer, Caller, problem
from tests.clients.conftest import Crew
from tests.factories import profile_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("authority")]

ROOT = "/api/client-certificates"
PATH = f"{ROOT}/batch"
TABLE = """identifier,common_name,O,dns,email,validity_days,tags,key
web,web,Example,web.example.test www.example.test,,30,a;b,row-1
mail,mail,,,one@example.test;two@example.test,,,
"""


@pytest.fixture
def owner(crew: Crew) -> Caller:
    return Caller(crew.owner)


@pytest.fixture
def operator(crew: Crew) -> Caller:
    return Caller(crew.operator)


def taken_in(caller: Caller, *rows: dict[str, Any], **common: Any) -> dict[str, Any]:
    answer = caller.post(PATH, rows=list(rows), **common)
    assert answer.status_code == 202, answer.content
    assert answer["Location"] == answer.json()["url"]
    made: dict[str, Any] = answer.json()
    return made


def in_csv(caller: Caller, text: str | bytes, query: str = "") -> Answer:
    return caller.send("POST", f"{PATH}{query}", text, "text/csv; charset=utf-8")


def issued(caller: Caller, *rows: dict[str, Any], **common: Any) -> dict[str, Any]:
    """The batch after it was carried out."""
    made = taken_in(caller, *rows, **common)
    batching.run_batch(made["id"])
    done: dict[str, Any] = caller.get(made["url"]).json()
    return done


def files(answer: Answer) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_batch_is_taken_in_and_issued(operator: Caller) -> None:
    factories.identity("robot", kind="iot", subject={"O": "Example"})
    made = taken_in(
        operator,
        {"common_name": "one", "identity": "robot", "tags": ["x"], "notes": "n", "key": "k1"},
        {"common_name": "two", "san": {"dns": ["two.example.test"]}, "validity_days": 9},
        {"csr": factories.csr(factories.key(), "three")},
        auto_renew=False,
        tags=["all"],
    )
    assert (made["state"], made["total"], made["progress"]) == ("queued", 3, 0.0)
    assert (made["authority"], made["profile"], made["storage"]) == ("issuing", "client", "kept")
    assert (made["requested_by"], made["auto_renew"], made["tags"]) == ("operator", False, ["all"])
    batching.run_batch(made["id"])
    done = operator.get(made["url"]).json()
    assert (done["state"], done["issued"], done["progress"]) == ("done", 3, 1.0)
    assert done["finished_at"]
    one = operator.get(f"{ROOT}/one").json()
    assert (one["identity"], one["subject"]["O"], one["auto_renew"]) == ("robot", "Example", False)
    assert operator.get(f"{ROOT}/two").json()["days_left"] == 8
    assert operator.get(f"{ROOT}/three").json()["method"] == "csr"
    rows = operator.get(made["rows"]).json()["results"]
    assert [(row["number"], row["certificate"]) for row in rows] == [
        *((1, "one"), (2, "two"), (3, "three"))
    ]
    assert operator.get(made["row_errors"]).json()["results"] == []
    (listed,) = operator.get(PATH).json()["results"]
    assert listed == done
    assert operator.get(f"{PATH}?state=queued").json()["results"] == []


def test_a_table_is_taken_in_with_what_the_query_says(operator: Caller) -> None:
    answer = in_csv(operator, TABLE.encode("utf-8-sig"), "?tags=all;of%20them&auto_renew=0")
    assert answer.status_code == 202, answer.content
    made = answer.json()
    assert (made["total"], made["tags"], made["auto_renew"]) == (2, ["all", "of them"], False)
    batching.run_batch(made["id"])
    web, mail = operator.get(f"{ROOT}/web").json(), operator.get(f"{ROOT}/mail").json()
    assert web["subject"] == {"O": "Example", "CN": "web"}
    assert web["san"] == {"dns": ["web.example.test", "www.example.test"]}
    assert mail["san"] == {"email": ["one@example.test", "two@example.test"]}


def test_a_row_that_is_sent_twice_is_issued_once(operator: Caller) -> None:
    row = {"common_name": "jane", "key": "order-4711"}
    issued(operator, row)
    again = issued(operator, row)
    assert (again["state"], again["issued"], again["repeated"]) == ("done", 0, 1)
    (shown,) = operator.get(again["rows"]).json()["results"]
    assert (shown["state"], shown["certificate"]) == ("repeated", "jane")
    assert ClientCertificate.objects.count() == 1


def test_what_is_wrong_is_told_by_row_and_nothing_is_kept(operator: Caller) -> None:
    signed = LedgerEntry.objects.count()
    answer = operator.post(
        PATH,
        rows=[
            {"common_name": "good"},
            {"common_name": "x", "subject": {"O": 1}},
            {"common_name": "x", "nonsense": 1},
            {"common_name": "y", "identity": "nobody"},
            *({"common_name": ""} for _ in range(200)),
        ],
    )
    document = problem(answer, 400, "batch.invalid")
    assert document["error_rows"] == 203
    assert len(document["errors"]) == 100
    assert list(document["errors"])[:4] == [
        *("rows[2].subject.O", "rows[3].nonsense", "rows[4].identity", "rows[5].common_name")
    ]
    assert not Batch.objects.exists()
    assert not BatchRow.objects.exists()
    assert LedgerEntry.objects.count() == signed


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "request.invalid", "rows"),
        ({"rows": {}}, "request.invalid", "rows"),
        ({"rows": []}, "batch.empty", "rows"),
        ({"rows": ["jane"]}, "batch.row", "rows[1]"),
        ({"rows": [{}], "authority": "nobody"}, "authority.unknown", "authority"),
        ({"rows": [{}], "profile": "nobody"}, "profile.unknown", "profile"),
        ({"rows": [{}], "storage": "nobody"}, "storage.unknown", "storage"),
        ({"rows": [{}], "team": "nobody"}, "team.unknown", "team"),
        ({"rows": [{}], "tags": "x"}, "request.invalid", "tags"),
        ({"rows": [{}], "renewal_days": 3}, "request.unknown_field", "renewal_days"),
    ],
)
def test_a_batch_that_makes_no_sense(
    operator: Caller, body: dict[str, Any], code: str, field: str
) -> None:
    document = problem(operator.post(PATH, **body), 400, code)
    assert list(document["errors"]) == [field]
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("text", "query", "code"),
    [
        ("", "", "request.invalid"),
        ("\n", "", "batch.csv"),
        ("common_name\n", "", "batch.empty"),
        ("common_name,colour\nx,red\n", "", "batch.csv"),
        ("common_name,O\nx\n", "", "batch.csv"),
        ('common_name\n"x', "", "batch.csv"),
        (b"common_name\n\xff", "", "request.malformed"),
        (TABLE, "?auto_renew=perhaps", "request.invalid"),
        (TABLE, "?profile=nobody", "profile.unknown"),
        (TABLE, "?rows=1", "request.unknown_parameter"),
        ("common_name,validity_days\nx,soon\n", "", "batch.invalid"),
    ],
)
def test_a_table_that_makes_no_sense(
    operator: Caller, text: str | bytes, query: str, code: str
) -> None:
    problem(in_csv(operator, text, query), 400, code)
    assert not Batch.objects.exists()


def test_what_a_body_says_is_not_said_in_the_query(operator: Caller) -> None:
    answer = operator.post(f"{PATH}?team=shop", rows=[{"common_name": "x"}])
    assert list(problem(answer, 400, "request.invalid")["errors"]) == ["team"]
    answer = operator.send("POST", PATH, TABLE, "text/plain")
    problem(answer, 415, "request.media_type")
    assert not Batch.objects.exists()


def test_a_batch_may_be_larger_than_other_bodies_and_has_an_end(
    operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    padding = "x" * (2 * 1024 * 1024)
    large = json.dumps({"rows": [{"common_name": "x", "notes": padding}]})
    problem(operator.send("POST", PATH, large), 400, "batch.invalid")
    problem(operator.send("POST", ROOT, large), 413, "request.too_large")
    monkeypatch.setattr("clients.api.batches.BatchJSONParser.limit", len(large) - 1)
    problem(operator.send("POST", PATH, large), 413, "request.too_large")
    monkeypatch.setattr("clients.api.batches.LIMIT", len(TABLE) - 1)
    problem(in_csv(operator, TABLE), 413, "request.too_large")


def test_a_batch_is_cancelled_once(crew: Crew, operator: Caller) -> None:
    made = taken_in(operator, {"common_name": "jane"})
    problem(Caller(crew.auditor).post(f"{made['url']}/cancel"), 403, "access.denied")
    answer = operator.post(f"{made['url']}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    problem(operator.post(f"{made['url']}/cancel"), 409, "batch.ended")
    batching.run_batch(made["id"])
    assert not ClientCertificate.objects.exists()


def test_the_download_has_a_folder_for_each_and_a_report(owner: Caller) -> None:
    done = issued(owner, {"common_name": "one"}, {"csr": factories.csr(factories.key(), "two")})
    answer = owner.get(done["download"])
    assert answer["Content-Type"] == "application/zip"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Disposition"] == f'attachment; filename="batch-{done["id"]}.zip"'
    found = files(answer)
    assert set(found) == {
        *(f"one/{name}.pem" for name in ("cert", "chain", "fullchain", "privkey")),
        *(f"two/{name}.pem" for name in ("cert", "chain", "fullchain", "csr")),
        "report.csv",
    }
    assert found["one/privkey.pem"] == owner.get(f"{ROOT}/one/download/privkey").content.decode()
    rows = list(csv.DictReader(io.StringIO(found["report.csv"])))
    assert [(row["identifier"], row["state"]) for row in rows] == [
        *(("one", "issued"), ("two", "issued"))
    ]
    assert not [
        name for name in files(owner.get(f"{done['download']}?include_private=0")) if "key" in name
    ]


def test_what_a_stream_exports_is_in_the_log_under_who_asked(owner: Caller, crew: Crew) -> None:
    done = issued(owner, {"common_name": "one"})
    before = LogEntry.objects.filter(additional_data__event="key.exported").count()
    files(owner.get(done["download"]))
    entries = LogEntry.objects.filter(additional_data__event="key.exported")
    assert entries.count() == before + 1
    assert entries.latest("pk").actor == crew.owner


def test_keys_of_a_batch_leave_to_those_who_may_export_them(
    crew: Crew, operator: Caller, owner: Caller
) -> None:
    done = issued(operator, {"common_name": "one"})
    assert "one/privkey.pem" not in files(operator.get(done["download"]))
    problem(operator.get(f"{done['download']}?include_private=1"), 403, "access.denied")
    browser = four_eyes.AtBrowser(crew.owner)
    assert "one/privkey.pem" not in files(browser.get(done["download"]))
    problem(browser.get(f"{done['download']}?include_private=1"), 403, "access.session")
    four_eyes.rule("export_key")
    assert "one/privkey.pem" not in files(owner.get(done["download"]))
    answer = owner.get(f"{done['download']}?include_private=1")
    problem(answer, 409, "batch.keys_need_approval")


def test_batches_are_seen_by_whoever_asked_and_those_over_them(
    crew: Crew, operator: Caller
) -> None:
    made = taken_in(operator, {"common_name": "jane"})
    outsider = Caller(crew.outsider)
    for path in (made["url"], made["rows"], made["download"]):
        problem(outsider.get(path), 404, "request.not_found")
    problem(outsider.post(f"{made['url']}/cancel"), 404, "request.not_found")
    problem(outsider.post(PATH, nonsense=1), 403, "access.denied")
    assert outsider.get(PATH).json()["results"] == []
    assert Caller(crew.auditor).get(made["url"]).status_code == 200
    problem(Caller(crew.auditor).post(PATH, rows=[]), 403, "access.denied")


def test_who_may_add_under_a_team_has_batches_there_only(crew: Crew) -> None:
    team = create_team(actor=Actor.system(), name="shop")
    for permission, target in (("access.add_under_team", team), ("access.view_team", team)):
        assign_perm(permission, crew.outsider, target)
    for permission in ("providers.view_authority", "providers.view_profile"):
        assign_perm(permission, crew.outsider)
    caller = Caller(crew.outsider)
    problem(caller.post(PATH, rows=[{"common_name": "x"}]), 403, "access.denied")
    assert not Batch.objects.exists()
    made = taken_in(caller, {"common_name": "x"}, team="shop")
    assert caller.get(made["url"]).json()["team"] == "shop"


def test_what_waits_for_approval_is_no_batch(operator: Caller) -> None:
    profile_of("client", needs_approval=True)
    document = problem(
        operator.post(PATH, rows=[{"common_name": "x"}]), 400, "batch.needs_approval"
    )
    assert list(document["errors"]) == ["profile"]
