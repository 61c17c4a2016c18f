"""The calls for identities and client certificates: what they answer and what they change."""

import base64
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clients.models import ClientCertificate
from providers.models import LedgerEntry
from tests import factories_clients as factories
from tests.caller import Caller, problem
from tests.clients.conftest import Crew
from tests.factories import profile_of
from tests.storage import bundles

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("authority")]

ROOT = "/api/client-certificates"


@pytest.fixture
def owner(crew: Crew) -> Caller:
    return Caller(crew.owner)


def test_an_identity_is_made_read_changed_replaced_and_deleted(owner: Caller) -> None:
    answer = owner.post(
        "/api/identities",
        name="Jane",
        kind="person",
        email="jane@example.test",
        subject={"O": "Example"},
        tags=["staff"],
    )
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["name"], made["kind"], made["subject"]) == ("jane", "person", {"O": "Example"})
    assert owner.get(answer["Location"]).json() == made
    factories.issued("anybody", identity="jane")
    (held,) = owner.get(made["certificates"]).json()["results"]
    assert (held["identity"], held["identifier"]) == ("jane", "anybody")
    changed = owner.patch("/api/identities/JANE", description="Sales").json()
    assert (changed["description"], changed["email"]) == ("Sales", "jane@example.test")
    replaced = owner.put("/api/identities/jane", name="jane", kind="device").json()
    assert (replaced["kind"], replaced["email"], replaced["tags"]) == ("device", "", [])
    problem(owner.delete("/api/identities/jane"), 409, "identity.in_use")
    ClientCertificate.objects.all().delete()
    assert owner.delete("/api/identities/Jane").status_code == 204
    problem(owner.get("/api/identities/jane"), 404, "request.not_found")


def test_identities_are_searched_and_filtered(owner: Caller) -> None:
    for name, kind in (("pump-1", "iot"), ("pump-2", "device"), ("jane", "person")):
        factories.identity(name, kind=kind)
    found = owner.get("/api/identities?search=PUMP&ordering=-name").json()["results"]
    assert [row["name"] for row in found] == ["pump-2", "pump-1"]
    found = owner.get("/api/identities?kind=person").json()["results"]
    assert [row["name"] for row in found] == ["jane"]
    assert owner.get("/api/identities?team=nobody").json()["results"] == []


def test_a_certificate_is_issued_at_once(owner: Caller) -> None:
    factories.identity("jane", subject={"O": "Example"})
    answer = owner.post(
        ROOT,
        common_name="Jane Doe",
        identity="jane",
        san={"email": ["jane@example.test"]},
        key_type="ec384",
        validity_days=30,
        renewal_days=5,
        tags=["vpn"],
        notes="By hand.",
    )
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert answer["Location"].endswith(f"{ROOT}/jane-doe")
    assert owner.get(answer["Location"]).json() == made
    assert (made["identifier"], made["common_name"]) == ("jane-doe", "Jane Doe")
    assert (made["state"], made["method"], made["enrolment"]) == ("active", "direct", None)
    assert made["subject"] == {"O": "Example", "CN": "Jane Doe"}
    assert made["san"] == {"email": ["jane@example.test"]}
    assert (made["authority"], made["profile"], made["storage"]) == ("issuing", "client", "kept")
    assert (made["days_left"], made["renewal_days"], made["notes"]) == (29, 5, "By hand.")
    assert made["metadata"]["serial_number"] == made["serial_number"]
    assert made["metadata"]["extended_key_usage"] == ["clientAuth"]
    assert made["has_private_key"] is True
    assert "BEGIN" not in answer.content.decode()


@pytest.mark.parametrize(
    ("body", "identifier"),
    [
        ({"subject": {"CN": "jane"}}, "jane"),
        ({"san": {"email": ["jane@example.test"]}}, "jane-example.test"),
        ({"common_name": "x", "identifier": "Office.1"}, "office.1"),
    ],
)
def test_whatever_names_the_holder_is_enough(
    owner: Caller, body: dict[str, object], identifier: str
) -> None:
    answer = owner.post(ROOT, **body)
    assert answer.status_code == 201, answer.content
    assert answer.json()["identifier"] == identifier


@pytest.mark.parametrize("form", ["csr", "csr_der"])
def test_a_csr_names_the_holder_in_either_form(owner: Caller, form: str) -> None:
    asked = factories.csr(factories.key())
    body = asked if form == "csr" else base64.b64encode(factories.der(asked)).decode()
    made = owner.post(ROOT, **{form: body}).json()
    assert (made["identifier"], made["method"]) == ("jane", "csr")
    assert (made["has_private_key"], made["key_type"]) == (False, "")
    part = owner.get(f"{ROOT}/jane/download/csr")
    assert part.content.decode().split() == asked.split()


def test_a_certificate_from_elsewhere_is_kept(owner: Caller) -> None:
    brought = bundles.issue("elsewhere.example.test")
    answer = owner.post(
        ROOT,
        certificate=brought.cert,
        chain=brought.chain,
        private_key=brought.privkey,
        identifier="brought",
        tags=["old"],
    )
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["method"], made["authority"], made["auto_renew"]) == ("manual", None, False)
    assert (made["has_private_key"], made["tags"]) == (True, ["old"])
    assert owner.get(f"{ROOT}/brought").json() == made, "as it is in the database"
    assert owner.get(f"{ROOT}/brought/download/privkey").content.decode() == brought.privkey
    problem(owner.post(f"{ROOT}/brought/renew"), 400, "client.not_ours")


def test_how_it_is_kept_can_be_changed_and_replaced(owner: Caller) -> None:
    factories.issued("jane", tags=["a"], notes="Old.")
    factories.identity("holder")
    changed = owner.patch(f"{ROOT}/JANE", auto_renew=False, identity="holder").json()
    assert (changed["auto_renew"], changed["renew_at"]) == (False, None)
    assert (changed["identity"], changed["tags"], changed["notes"]) == ("holder", ["a"], "Old.")
    replaced = owner.put(f"{ROOT}/jane", renewal_days=9).json()
    assert (replaced["auto_renew"], replaced["renewal_days"]) == (True, 9)
    assert (replaced["identity"], replaced["tags"], replaced["notes"]) == (None, [], "")
    document = problem(owner.patch(f"{ROOT}/jane", common_name="x"), 400, "request.unknown_field")
    assert list(document["errors"]) == ["common_name"]


def test_it_is_renewed_and_superseded(owner: Caller) -> None:
    factories.issued("jane")
    first = owner.get(f"{ROOT}/jane/download/privkey").content
    again = owner.post(f"{ROOT}/jane/renew", same_key=True)
    assert again.status_code == 200, again.content
    assert again.json()["current_version"] == 2
    assert owner.get(f"{ROOT}/jane/download/privkey").content == first
    owner.post(f"{ROOT}/jane/renew", supersede=True)
    assert owner.get(f"{ROOT}/jane/download/privkey").content != first
    rows = owner.get(f"{ROOT}/jane/versions").json()["results"]
    assert [(row["number"], row["current"]) for row in rows] == [(3, True), (2, False), (1, False)]
    assert [row["revocation_reason"] for row in rows] == ["", "superseded", ""]


def test_another_key_renews_by_proof_of_the_present_one(owner: Caller, tmp_path: Path) -> None:
    profile_of("client", needs_approval=False)
    present, following = factories.key(), factories.key()
    factories.issued("jane", csr=factories.csr(present))
    profile_of("client", needs_approval=True)
    asked = factories.csr(following)
    forged = factories.signed(following, factories.der(asked), tmp_path)
    document = problem(
        owner.post(f"{ROOT}/jane/renew", csr=asked, proof=forged), 400, "renew.proof"
    )
    assert list(document["errors"]) == ["proof"]
    problem(owner.post(f"{ROOT}/jane/renew", csr=asked, proof="no!"), 400, "renew.proof")
    assert ClientCertificate.objects.get().versions.count() == 1
    proof = factories.signed(present, factories.der(asked), tmp_path)
    answer = owner.post(f"{ROOT}/jane/renew", csr=asked, proof=proof)
    assert answer.status_code == 200, answer.content
    assert answer.json()["current_version"] == 2
    waiting = owner.post(f"{ROOT}/jane/renew", csr=factories.csr(factories.key()))
    assert (waiting.status_code, waiting.json()["current_version"]) == (202, 2)
    assert waiting["Location"] == waiting.json()["enrolment"]["url"]
    assert waiting.json()["enrolment"]["renews"] is True


def test_it_is_held_released_and_revoked(owner: Caller) -> None:
    factories.issued("jane")
    held = owner.post(f"{ROOT}/jane/revoke", reason="certificateHold").json()
    assert (held["state"], held["metadata"]["revoked"]) == ("held", True)
    assert owner.post(f"{ROOT}/jane/release").json()["state"] == "active"
    problem(owner.post(f"{ROOT}/jane/release"), 409, "revoke.not_on_hold")
    gone = owner.post(
        f"{ROOT}/jane/revoke",
        reason="keyCompromise",
        version=1,
        invalidity_at="2026-01-01T00:00:00Z",
    )
    assert (gone.status_code, gone.json()["state"]) == (200, "revoked")
    assert gone.json()["metadata"]["revocation_reason"] == "keyCompromise"
    problem(owner.post(f"{ROOT}/jane/revoke"), 409, "revoke.already")
    problem(owner.post(f"{ROOT}/jane/renew"), 409, "client.revoked")


def test_what_is_valid_is_deleted_by_force_only(owner: Caller) -> None:
    factories.issued("jane")
    problem(owner.delete(f"{ROOT}/jane"), 409, "client.valid")
    problem(owner.delete(f"{ROOT}/jane?force=perhaps"), 400, "request.invalid")
    assert ClientCertificate.objects.exists()
    assert owner.delete(f"{ROOT}/jane?force=1").status_code == 204
    assert not ClientCertificate.objects.exists()
    assert LedgerEntry.objects.filter(holder="client/jane").exists()
    factories.issued("john")
    owner.post(f"{ROOT}/john/revoke")
    assert owner.delete(f"{ROOT}/john").status_code == 204


def found(caller: Caller, query: str) -> list[str]:
    return [row["identifier"] for row in caller.get(f"{ROOT}?{query}").json()["results"]]


def test_lists_are_searched_filtered_and_ordered(owner: Caller) -> None:
    factories.identity("robot", kind="iot")
    jane = factories.issued("Jane", validity_days=30)
    factories.issued("john", validity_days=90, identity="robot", profile="iot")
    assert jane.current_version
    assert found(owner, "search=JA") == ["jane"]
    assert found(owner, f"search={jane.current_version.serial}") == ["jane"]
    assert found(owner, f"search=sha256:{jane.current_version.fingerprint}") == ["jane"]
    assert found(owner, "search=nobody") == []
    assert found(owner, "ordering=-expires_at") == ["john", "jane"]
    assert found(owner, "ordering=-created_at") == ["john", "jane"]
    for query in ("identity=robot", "profile=iot", "certificate_type=iot", "common_name=jo"):
        assert found(owner, query) == ["john"], query
    for query in ("state=active", "method=direct", "authority=issuing", "needs_action=false"):
        assert found(owner, query) == ["jane", "john"], query
    for query in ("state=revoked", "method=csr", "team=none", "needs_action=true"):
        assert found(owner, query) == [], query
    middle = (jane.expires_at or jane.created_at).isoformat().replace("+00:00", "Z")
    assert found(owner, f"expires_after={middle}") == ["john"]
    assert found(owner, f"expires_before={middle}") == []
    for query in ("state=gone", "expires_before=soon", "needs_action=1", "nonsense=1"):
        assert owner.get(f"{ROOT}?{query}").status_code == 400, query


def test_a_list_costs_the_same_for_many_and_reads_no_pem(owner: Caller) -> None:
    def cost() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            assert owner.get(ROOT).status_code == 200
        return [query["sql"] for query in queries]

    factories.issued("first", identity=factories.identity("a").name)
    owner.get(ROOT)
    few = cost()
    for number in range(5):
        factories.issued(f"jane{number}", identity=factories.identity(f"i{number}").name)
    many = cost()
    assert len(many) == len(few) <= 9, many
    text = " ".join(many)
    for column in ("csr", "notes", "cert", "chain", "private_key"):
        assert f'"{column}"' not in text


def test_pages_follow_each_other(owner: Caller) -> None:
    for name in ("a1", "b2", "c3"):
        factories.issued(name)
    page = owner.get(f"{ROOT}?limit=2").json()
    assert [row["identifier"] for row in page["results"]] == ["a1", "b2"]
    rest = owner.get(page["next"]).json()
    assert [row["identifier"] for row in rest["results"]] == ["c3"]


def test_the_list_and_the_single_certificate_agree(owner: Caller) -> None:
    factories.issued("jane")
    (listed,) = owner.get(ROOT).json()["results"]
    single = owner.get(f"{ROOT}/jane").json()
    assert {name: single[name] for name in listed} == listed


def test_counts_are_of_what_one_may_see(owner: Caller, crew: Crew) -> None:
    factories.issued("jane", validity_days=6)
    factories.issued("john", validity_days=20, profile="device")
    owner.post(f"{ROOT}/john/revoke")
    counts = owner.get(f"{ROOT}/stats").json()
    assert counts["by_state"] == {"pending": 0, "active": 1, "held": 0, "revoked": 1}
    assert (counts["by_certificate_type"]["client"], counts["needs_action"]) == (1, 0)
    assert (counts["expiring_in_7_days"], counts["expiring_in_30_days"]) == (1, 1)
    hidden = Caller(crew.outsider).get(f"{ROOT}/stats").json()
    assert set(hidden["by_state"].values()) == {0}
    assert hidden["by_certificate_type"] == {}


def test_counting_stops(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.api.stats.MOST", 1)
    for name in ("a1", "b2", "c3"):
        factories.issued(name)
    assert owner.get(f"{ROOT}/stats").json()["by_state"]["active"] == 2
