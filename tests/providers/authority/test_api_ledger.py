"""The ledger and the profiles over the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certmate.access.models import ApiToken
from certmate.core import clock
from certmate.pki.inspect import pem_of
from certmate.rest.fields import instant
from providers.models import LedgerEntry, Profile, Revocation
from providers.services import ledger
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.providers.authority import making

pytestmark = pytest.mark.django_db

LEDGER = "/api/authorities/root/ledger"
PROFILE = {
    "name": "vpn",
    "description": "Road warriors.",
    "certificate_type": "client",
    "key_usage": ["digitalSignature"],
    "extended_key_usage": ["clientAuth", "1.3.6.1.4.1.311.10.3.12"],
    "key_types": ["ec256"],
    "default_days": 30,
    "longest_days": 90,
    "subject": {"O": "Example", "CN": "{identifier}"},
    "subject_fields": ["CN"],
    "alt_names": {"email": ["Example.TEST"]},
    "needs_approval": True,
}


@pytest.fixture
def owner(cast: Cast) -> Caller:
    return Caller(cast.owner)


def test_an_entry_is_read_with_its_certificate(owner: Caller) -> None:
    signed = making.leaf(making.root(), dns=["jane.example.test"])
    serial = signed.entry.serial
    shown = owner.get(f"{LEDGER}/{serial}").json()
    assert (shown["serial_number"], shown["state"], shown["key"]) == (serial, "signed", 1)
    assert (shown["holder"], shown["profile"], shown["revocation"]) == ("test/jane", "client", None)
    assert shown["certificate"] == pem_of(signed.der)
    colons = ":".join(serial[at : at + 2] for at in range(0, len(serial), 2)).upper()
    assert owner.get(f"{LEDGER}/{colons}").json() == shown
    for unknown in ("00", "x", "é", "a" * 70):
        problem(owner.get(f"{LEDGER}/{unknown}"), 404, "request.not_found")
    problem(owner.get(f"/api/authorities/nobody/ledger/{serial}"), 404, "request.not_found")


def test_an_entry_of_another_authority_is_not_found_here(owner: Caller) -> None:
    making.root()
    serial = making.leaf(making.root("other")).entry.serial
    problem(owner.get(f"{LEDGER}/{serial}"), 404, "request.not_found")
    problem(owner.post(f"{LEDGER}/{serial}/revoke"), 404, "request.not_found")
    assert not Revocation.objects.exists()


def test_a_token_that_is_limited_reads_no_ledger(owner: Caller) -> None:
    serial = making.leaf(making.root()).entry.serial
    ApiToken.objects.update(name_patterns=["*.example.com"])
    for path in (LEDGER, f"{LEDGER}/{serial}"):
        problem(owner.get(path), 403, "access.scope")


def test_the_ledger_is_paged_filtered_and_searched(owner: Caller) -> None:
    root = making.root()
    leaves = [making.leaf(root).entry for _ in range(3)]
    ledger.give_up(making.leaf(root, keep=False).entry, "Given up.")

    def serials(query: str) -> list[str]:
        return [row["serial_number"] for row in owner.get(f"{LEDGER}?{query}").json()["results"]]

    newest = list(LedgerEntry.objects.order_by("-pk").values_list("serial", flat=True))
    assert serials("") == newest
    assert serials("ordering=created_at") == newest[::-1]
    page = owner.get(f"{LEDGER}?limit=2").json()
    assert [row["serial_number"] for row in page["results"]] == newest[:2]
    more = owner.get(page["next"].partition("testserver")[2]).json()
    assert [row["serial_number"] for row in more["results"]] == newest[2:4]
    hash_ = leaves[1].public_key_hash
    for query, expected in {
        "state=abandoned": newest[:1],
        "kind=ca": newest[-1:],
        "revoked=true": newest[:1],
        "revoked=false&kind=leaf": newest[1:4],
        f"search={leaves[0].serial.upper()}": [leaves[0].serial],
        f"search={hash_}": [leaves[1].serial],
        f"search={leaves[0].serial[:6]}": [],
    }.items():
        assert serials(query) == expected, query
    assert "certificate" not in page["results"][0]


def test_a_page_takes_as_many_queries_for_many_as_for_few(owner: Caller) -> None:
    root = making.root()

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            owner.get(LEDGER)
        return len(asked)

    making.leaf(root)
    queries()
    few = queries()
    for _ in range(8):
        making.leaf(root)
    assert queries() == few <= 6


def test_a_certificate_is_revoked_held_and_released(owner: Caller) -> None:
    one = f"{LEDGER}/{making.leaf(making.root()).entry.serial}"
    at = instant(clock.now() - timedelta(days=1))
    held = owner.post(f"{one}/revoke", reason="certificateHold").json()
    assert held["revocation"]["reason"] == "certificateHold"
    assert owner.post(f"{one}/release").json()["revocation"] is None
    problem(owner.post(f"{one}/release"), 409, "revoke.not_on_hold")
    shown = owner.post(f"{one}/revoke", reason="keyCompromise", invalidity_at=at).json()
    assert shown["revocation"]["invalidity_at"] == at
    problem(owner.post(f"{one}/revoke"), 409, "revoke.already")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"reason": "because"}, "reason", "revoke.reason"),
        ({"reason": ["superseded"]}, "reason", "request.invalid"),
        ({"invalidity_at": "yesterday"}, "invalidity_at", "request.invalid"),
        ({"invalidity_at": "0001-01-01T00:00:00Z"}, "invalidity_at", "revoke.invalidity"),
        ({"invalidity_at": "9999-12-31T23:59:59Z"}, "invalidity_at", "revoke.invalidity"),
        ({"colour": "x"}, "colour", "request.unknown_field"),
    ],
)
def test_a_bad_revocation_names_its_field(
    owner: Caller, body: dict[str, Any], field: str, code: str
) -> None:
    serial = making.leaf(making.root()).entry.serial
    document = problem(owner.send("POST", f"{LEDGER}/{serial}/revoke", body), 400, code)
    assert list(document["errors"]) == [field]
    assert not Revocation.objects.exists()


def test_a_profile_is_made_changed_replaced_and_deleted(owner: Caller) -> None:
    made = owner.send("POST", "/api/profiles", PROFILE)
    assert made.status_code == 201, made.content
    shown = made.json()
    assert shown["alt_names"] == {"email": ["example.test"]}
    assert {name: shown[name] for name in PROFILE if name != "alt_names"} == {
        name: value for name, value in PROFILE.items() if name != "alt_names"
    }
    one = "/api/profiles/vpn"
    assert owner.patch(one, longest_days=60).json()["default_days"] == 30
    bare = {name: PROFILE[name] for name in PROFILE if name not in ("subject", "alt_names")}
    replaced = owner.send("PUT", one, bare).json()
    assert (replaced["subject"], replaced["alt_names"]) == ({}, {})
    problem(owner.patch(one, name="other"), 400, "request.fixed")
    problem(owner.send("POST", "/api/profiles", PROFILE), 409, "request.taken")
    assert owner.delete(one).status_code == 204


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown usage": ({"key_usage": ["signing"]}, "key_usage", "profile.key_usage"),
    "a CA's usage": ({"key_usage": ["keyCertSign"]}, "key_usage", "profile.key_usage"),
    "any purpose": (
        {"extended_key_usage": ["2.5.29.37.0"]},
        "extended_key_usage",
        "profile.extended_key_usage",
    ),
    "an unknown key type": ({"key_types": ["dsa"]}, "key_types", "profile.unknown_value"),
    "an unknown attribute": ({"subject_fields": ["E"]}, "subject_fields", "profile.unknown_value"),
    "a bad template": ({"subject": {"O": "{team}"}}, "subject.O", "profile.subject"),
    "a bad pattern": ({"alt_names": {"dns": ["a b"]}}, "alt_names.dns", "profile.alt_names"),
    "an unknown kind": ({"alt_names": {"x": ["*"]}}, "alt_names.x", "profile.alt_names"),
    "more than the longest": ({"default_days": 91}, "default_days", "profile.validity"),
    "for ever": ({"longest_days": 10**9}, "longest_days", "request.invalid"),
    "a bad name": ({"name": "VPN"}, "name", "request.invalid"),
}


@pytest.mark.parametrize("what", BAD)
def test_rules_without_sense_name_their_field(owner: Caller, what: str) -> None:
    changed, field, code = BAD[what]
    before = Profile.objects.count()
    document = problem(owner.send("POST", "/api/profiles", PROFILE | changed), 400, code)
    assert list(document["errors"]) == [field]
    assert Profile.objects.count() == before


def test_the_seeded_profiles_are_there_and_readable(owner: Caller) -> None:
    rows = owner.get("/api/profiles?search=c").json()["results"]
    assert [row["name"] for row in rows] == ["client", "code-signing"]
    for row in rows:
        assert owner.get(f"/api/profiles/{row['name']}").json() == row
