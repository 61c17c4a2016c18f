"""Authorities over the API: made, certified, rotated, published; no secret ever comes out."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certmate.access.models import Approval, Team
from certmate.core import clock
from providers import services
from providers.authority.custody import passphrase
from providers.models import Authority, AuthorityKey
from tests.access import four_eyes
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.providers.authority import making
from tests.providers.authority.making import PASSPHRASE, SYSTEM, openssl_ca, outside_root_signs

pytestmark = pytest.mark.django_db

ROOT = {
    "name": "root",
    "kind": "root",
    "subject": {"CN": "Example Root", "O": "Example"},
    "key_type": "ec256",
}
CHILD = {"name": "issuing", "subject": {"CN": "Example Issuing"}, "key_type": "ec256"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "ROUNDS", 1)


@pytest.fixture
def owner(cast: Cast) -> Caller:
    return Caller(cast.owner)


def test_a_root_is_made_and_shown(owner: Caller) -> None:
    made = owner.send("POST", "/api/authorities", ROOT)
    assert made.status_code == 201, made.content
    assert made["Location"].endswith("/api/authorities/root")
    shown = made.json()
    assert owner.get("/api/authorities/root").json() == shown
    assert (shown["state"], shown["parent"], shown["path_length"]) == ("ready", None, None)
    assert (shown["custody"], shown["needs_passphrase"]) == ("database", False)
    key = shown["active_key"]
    assert key["crl_urls"] == ["http://127.0.0.1:8000/pki/root/crl/0.crl"]
    assert key["ca_url"] == "http://127.0.0.1:8000/pki/root/ca/1.cer"
    assert key["certificate"] == owner.get("/api/authorities/root/certificate").content.decode()
    assert [row["state"] for row in shown["keys"]] == ["active"]


def test_an_intermediate_is_made_below_it_with_its_limits(owner: Caller) -> None:
    owner.send("POST", "/api/authorities", ROOT | {"passphrase": PASSPHRASE})
    path = "/api/authorities/root/intermediate"
    body = CHILD | {"permitted_dns": ["Example.TEST"], "excluded_ip": ["192.0.2.0/24"]}
    document = problem(owner.send("POST", path, body), 400, "authority.passphrase")
    assert list(document["errors"]) == ["passphrase"]
    body |= {"passphrase": PASSPHRASE, "child_passphrase": "short"}
    document = problem(owner.send("POST", path, body), 400, "authority.passphrase")
    assert list(document["errors"]) == ["child_passphrase"]
    body |= {"child_passphrase": f"{PASSPHRASE} of the child"}
    made = owner.send("POST", path, body)
    assert made.status_code == 201, made.content
    assert made["Location"].endswith("/api/authorities/issuing")
    child = made.json()
    assert (child["kind"], child["parent"], child["path_length"]) == ("intermediate", "root", 0)
    assert child["custody"] == "passphrase"
    assert child["name_constraints"] == {
        "permitted": {"dns": ["example.test"]},
        "excluded": {"ip": ["192.0.2.0/24"]},
    }
    chain = owner.get("/api/authorities/issuing/chain").content.decode()
    root = owner.get("/api/authorities/root").json()["active_key"]["certificate"]
    assert chain == child["active_key"]["certificate"] + root


def test_no_secret_is_echoed_or_stored_in_clear(owner: Caller, tmp_path: Path) -> None:
    cert, key = openssl_ca(tmp_path)
    body = {"name": "taken", "certificate": cert, "private_key": key, "passphrase": PASSPHRASE}
    answers = [
        owner.send("POST", "/api/authorities", ROOT | {"passphrase": PASSPHRASE}),
        owner.send("POST", "/api/authorities/import", body | {"custody": "passphrase"}),
        owner.send("POST", "/api/authorities/import", body | {"name": "x", "certificate": key}),
        owner.send("POST", "/api/authorities/root/rotate", {"passphrase": PASSPHRASE[:-1]}),
        owner.get("/api/authorities"),
        owner.get("/api/authorities/taken"),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 409, 400, 200, 200]
    said = "".join(answer.content.decode() for answer in answers)
    with connection.cursor() as cursor:
        for table in ("providers_authoritykey", "providers_authority", "auditlog_logentry"):
            cursor.execute(f"SELECT * FROM {table}")
            said += str(cursor.fetchall())
    for secret in (PASSPHRASE[:-1], key.splitlines()[1], "PRIVATE KEY"):
        assert secret not in said


def test_a_ca_is_imported(owner: Caller, tmp_path: Path) -> None:
    cert, key = openssl_ca(tmp_path)
    body = {"name": "taken", "certificate": cert, "private_key": key, "crl_hours": 5}
    answer = owner.send("POST", "/api/authorities/import", body)
    assert answer.status_code == 201, answer.content
    assert answer["Location"].endswith("/api/authorities/taken")
    assert answer.json()["subject"] == {"O": "Elsewhere", "CN": "Elsewhere Root"}
    problem(owner.send("POST", "/api/authorities", ROOT | {"name": "import"}), 400, CODE_RESERVED)


CODE_RESERVED = "authority.reserved"


def test_an_outside_ca_signs_by_way_of_the_csr(owner: Caller, tmp_path: Path) -> None:
    made = owner.send("POST", "/api/authorities", CHILD | {"kind": "intermediate"}).json()
    assert (made["state"], made["active_key"]) == ("waiting", None)
    one = "/api/authorities/issuing"
    for what in ("certificate", "chain"):
        problem(owner.get(f"{one}/{what}"), 404, "request.not_found")
    problem(owner.post(f"{one}/publish-crl"), 409, "authority.not_ready")
    csr = owner.get(f"{one}/csr").content.decode()
    cert, root = outside_root_signs(csr, tmp_path)
    problem(owner.put(f"{one}/certificate", certificate="nothing"), 400, "authority.certificate")
    shown = owner.put(f"{one}/certificate", certificate=cert, chain=root)
    assert shown.status_code == 200, shown.content
    assert (shown.json()["state"], shown.json()["path_length"]) == ("ready", 0)
    assert owner.get(f"{one}/chain").content.decode() == cert + root
    problem(owner.get(f"{one}/csr"), 404, "request.not_found")
    problem(owner.put(f"{one}/certificate", certificate=cert), 409, "authority.not_waiting")


def test_a_certificate_is_downloaded_as_pem_and_der(owner: Caller) -> None:
    making.root()
    path = "/api/authorities/root/certificate"
    assert owner.get(path).content.startswith(b"-----BEGIN CERTIFICATE")
    der = owner.get(f"{path}?format=der")
    assert (der["Content-Type"], der.content[:1]) == ("application/pkix-cert", b"\x30")
    assert der["Content-Disposition"] == 'attachment; filename="root.cer"'
    problem(owner.get(f"{path}?format=p12"), 400, "request.invalid")


def test_a_key_is_rotated(owner: Caller) -> None:
    making.root()
    shown = owner.post("/api/authorities/root/rotate").json()
    assert [(row["number"], row["state"]) for row in shown["keys"]] == [
        (2, "active"),
        (1, "replaced"),
    ]
    assert [row["has_cross_certificate"] for row in shown["keys"]] == [True, False]
    assert shown["active_key"]["crl_urls"] == ["http://127.0.0.1:8000/pki/root/crl/1.crl"]


def test_crls_are_published(owner: Caller) -> None:
    making.root(crl_shards=2)
    made = owner.post("/api/authorities/root/publish-crl").json()
    assert [(row["key"], row["shard"], row["entries"]) for row in made] == [(1, 0, 0), (1, 1, 0)]
    assert made[1]["url"] == "http://127.0.0.1:8000/pki/root/crl/1.crl"
    assert owner.client.get("/pki/root/crl/1.crl").status_code == 200


def test_what_may_change_is_changed_and_nothing_else(owner: Caller) -> None:
    making.root()
    one = "/api/authorities/root"
    changed = owner.patch(one, disabled=True, is_default=True, crl_hours=4, crl_shards=2).json()
    assert (changed["state"], changed["is_default"], changed["crl_hours"]) == ("disabled", True, 4)
    assert owner.patch(one, disabled=False).json()["state"] == "ready"
    for field in ("name", "subject", "kind", "path_length", "key_type", "passphrase"):
        document = problem(owner.patch(one, **{field: "x"}), 400, "request.unknown_field")
        assert list(document["errors"]) == [field]
    assert problem(owner.put(one, crl_hours=4), 405, "request.method")
    problem(owner.delete(one), 409, "authority.in_use")
    making.intermediate("waiting", "")
    assert owner.delete("/api/authorities/waiting").status_code == 204


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no name": ({"name": ...}, "name", "request.invalid"),
    "a bad name": ({"name": "Root"}, "name", "request.invalid"),
    "no subject": ({"subject": ...}, "subject", "request.invalid"),
    "a subject as text": ({"subject": "CN=x"}, "subject", "request.invalid"),
    "a bad country": ({"subject": {"C": "Germany"}}, "subject.C", "subject.invalid"),
    "a subject in a subject": ({"subject": {"CN": {"O": "x"}}}, "subject.CN", "subject.invalid"),
    "no such kind": ({"kind": "leaf"}, "kind", "request.invalid"),
    "an unknown key type": ({"key_type": "dsa"}, "key_type", "authority.key_type"),
    "an unknown custody": ({"custody": "pocket"}, "custody", "authority.custody"),
    "an unknown parent": (
        {"kind": "intermediate", "parent": "nobody"},
        "parent",
        "authority.unknown",
    ),
    "a bad constraint": ({"permitted_dns": ["*.x.test"]}, "permitted_dns", "authority.constraints"),
    "half a network": ({"excluded_ip": ["192.0.2.1/24"]}, "excluded_ip", "authority.constraints"),
    "half a character": ({"passphrase": "\ud800" * 20}, "passphrase", "request.invalid"),
    "days as text": ({"validity_days": "many"}, "validity_days", "request.invalid"),
    "too many days": ({"validity_days": 10**9}, "validity_days", "request.invalid"),
    "no shards": ({"crl_shards": 0}, "crl_shards", "request.invalid"),
    "an unknown field": ({"colour": "x"}, "colour", "request.unknown_field"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_names_its_field_and_makes_nothing(owner: Caller, what: str) -> None:
    changed, field, code = BAD[what]
    body = {name: value for name, value in (ROOT | changed).items() if value is not ...}
    document = problem(owner.send("POST", "/api/authorities", body), 400, code)
    assert list(document["errors"]) == [field]
    assert not AuthorityKey.objects.exists()


def test_a_name_is_taken_once(owner: Caller) -> None:
    owner.send("POST", "/api/authorities", ROOT)
    document = problem(owner.send("POST", "/api/authorities", ROOT), 409, "request.taken")
    assert list(document["errors"]) == ["name"]


def test_a_list_is_filtered_and_takes_as_many_queries_for_ten_as_for_two(owner: Caller) -> None:
    making.root(is_default=True), making.intermediate()

    def queries(query: str = "") -> tuple[list[str], int]:
        with CaptureQueriesContext(connection) as asked:
            rows = owner.get(f"/api/authorities?{query}").json()["results"]
        return [row["name"] for row in rows], len(asked)

    assert queries()[0] == ["issuing", "root"]
    for query, expected in {
        "kind=root": ["root"],
        "is_default=false": ["issuing"],
        "search=iss": ["issuing"],
        "ordering=-name": ["root", "issuing"],
    }.items():
        assert queries(query)[0] == expected
    few = queries()[1]
    for number in range(8):
        making.intermediate(f"i{number}")
    names, count = queries()
    assert len(names) == 10
    assert count == few <= 6
    problem(owner.get("/api/authorities?kind=leaf"), 400, "request.invalid")


@pytest.mark.parametrize("call", ["intermediate", "rotate"])
def test_a_signature_for_a_ca_can_need_approval(cast: Cast, call: str) -> None:
    owner = Caller(cast.owner)
    making.root()
    four_eyes.rule("sign")
    body = CHILD if call == "intermediate" else {}
    path = f"/api/authorities/root/{call}"
    waits = problem(owner.send("POST", path, body), 403, "approval.needed")
    assert AuthorityKey.objects.count() == 1
    approval = Approval.objects.get()
    assert waits["approval"].endswith(f"/api/approvals/{approval.pk}")
    four_eyes.approve(four_eyes.decider(), approval)
    done = owner.send("POST", path, body)
    assert done.status_code == (201 if call == "intermediate" else 200), done.content
    assert AuthorityKey.objects.count() == 2
    problem(owner.send("POST", path, body), 403, "approval.needed")


def test_a_team_moves_an_authority_only_with_the_right_to(cast: Cast) -> None:
    Team.objects.create(name="shop")
    made = Caller(cast.owner).send("POST", "/api/authorities", ROOT | {"team": "shop"}).json()
    assert made["team"] == "shop"
    moved = Caller(cast.owner).patch("/api/authorities/root", team="")
    assert moved.json()["team"] == ""
    problem(Caller(cast.owner).patch("/api/authorities/root", team="x"), 400, "team.unknown")


def test_an_expired_authority_says_so(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    making.root(validity_days=1)
    key = AuthorityKey.objects.get()
    monkeypatch.setattr(clock, "now", lambda: key.not_after)
    assert owner.get("/api/authorities/root").json()["state"] == "expired"
    problem(
        owner.send("POST", "/api/authorities/root/intermediate", CHILD), 409, "authority.expired"
    )


def test_only_administrators_write_and_outsiders_see_nothing(cast: Cast) -> None:
    services.publish_crls(actor=SYSTEM, authority=making.root())
    outsider = Caller(cast.outsider)
    assert outsider.get("/api/authorities").json()["results"] == []
    for method, path in (
        ("GET", "/api/authorities/root"),
        ("DELETE", "/api/authorities/root"),
        ("POST", "/api/authorities/root/rotate"),
        ("POST", "/api/authorities/root/publish-crl"),
        ("GET", "/api/authorities/root/ledger"),
    ):
        answer = (
            outsider.get(path)
            if method == "GET"
            else outsider.delete(path)
            if method == "DELETE"
            else outsider.send(method, path, {})
        )
        problem(answer, 404, "request.not_found")
    problem(outsider.send("POST", "/api/authorities", ROOT), 403, "access.denied")
    problem(
        Caller(cast.owner, "operate").post("/api/authorities/root/rotate"), 403, "access.denied"
    )
    assert Authority.objects.count() == 1
