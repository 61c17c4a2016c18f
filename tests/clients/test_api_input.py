"""Input that is wrong: which field it is, and that nothing is kept of it."""

import base64
from typing import Any

import pytest

from clients.models import ClientCertificate, Enrolment, Identity
from providers.models import LedgerEntry
from tests import factories_clients as factories
from tests.caller import Caller, problem
from tests.clients.conftest import Crew
from tests.storage import bundles

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("authority")]

ROOT = "/api/client-certificates"
CERT = bundles.issue("elsewhere.example.test")
OTHER = bundles.issue("other.example.test")
CSR = factories.csr(factories.key())


@pytest.fixture
def owner(crew: Crew) -> Caller:
    return Caller(crew.owner)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({}, "name.invalid", "common_name"),
    ({"common_name": ""}, "request.invalid", "common_name"),
    ({"common_name": 7}, "request.invalid", "common_name"),
    ({"common_name": "x\u202ey"}, "subject.invalid", "subject.CN"),
    ({"common_name": "x" * 65}, "subject.invalid", "subject.CN"),
    ({"common_name": "jane", "subject": {"CN": "john"}}, "subject.invalid", "common_name"),
    ({"common_name": "jane", "subject": {"XX": "y"}}, "subject.unknown", "subject.XX"),
    ({"common_name": "jane", "subject": {"O": 1}}, "subject.invalid", "subject.O"),
    ({"common_name": "jane", "subject": {"C": "DEU"}}, "subject.invalid", "subject.C"),
    ({"common_name": "jane", "subject": []}, "request.invalid", "subject"),
    ({"common_name": "jane", "san": {"dns": ["a b"]}}, "name.invalid", "san.dns"),
    ({"common_name": "jane", "san": {"other": ["x"]}}, "request.unknown_field", "san.other"),
    ({"common_name": "jane", "san": {"dns": "x"}}, "request.invalid", "san.dns"),
    ({"common_name": "jane", "san": {"dns": [3]}}, "request.invalid", "san.dns.0"),
    ({"common_name": "jane", "key_type": "dsa"}, "request.invalid", "key_type"),
    ({"common_name": "jane", "validity_days": 0}, "request.invalid", "validity_days"),
    ({"common_name": "jane", "validity_days": "30"}, "request.invalid", "validity_days"),
    ({"common_name": "jane", "identifier": "a/b"}, "name.invalid", "identifier"),
    ({"common_name": "jane", "identifier": ".."}, "name.invalid", "identifier"),
    ({"common_name": "jane", "identity": "nobody"}, "identity.unknown", "identity"),
    ({"common_name": "jane", "authority": "nobody"}, "authority.unknown", "authority"),
    ({"common_name": "jane", "profile": "nobody"}, "profile.unknown", "profile"),
    ({"common_name": "jane", "storage": "nobody"}, "storage.unknown", "storage"),
    ({"common_name": "jane", "team": "nobody"}, "team.unknown", "team"),
    ({"common_name": "jane", "auto_renew": "yes"}, "request.invalid", "auto_renew"),
    ({"common_name": "jane", "renewal_days": 0}, "request.invalid", "renewal_days"),
    ({"common_name": "jane", "tags": ["x"] * 51}, "request.invalid", "tags"),
    ({"common_name": "jane", "notes": "x" * 10_001}, "request.invalid", "notes"),
    ({"common_name": "jane", "nonsense": 1}, "request.unknown_field", "nonsense"),
    ({"csr": "x"}, "csr.malformed", "csr"),
    ({"csr": CSR.replace("A", "B")}, "csr.malformed", "csr"),
    ({"csr_der": "%%"}, "csr.malformed", "csr_der"),
    ({"csr_der": base64.b64encode(b"x").decode()}, "csr.malformed", "csr_der"),
    ({"csr": CSR, "csr_der": "AA=="}, "request.invalid", "csr_der"),
    ({"common_name": "jane", "chain": CERT.chain}, "request.invalid", "chain"),
    ({"common_name": "jane", "private_key": CERT.privkey}, "request.invalid", "private_key"),
    ({"certificate": CERT.cert, "common_name": "jane"}, "request.invalid", "common_name"),
    ({"certificate": CERT.cert, "csr": CSR}, "request.invalid", "csr"),
    ({"certificate": "x"}, "certificate.malformed", "certificate"),
    ({"certificate": CERT.cert, "chain": OTHER.cert}, "bundle.chain", "certificate"),
    (
        {"certificate": CERT.cert, "private_key": OTHER.privkey},
        "bundle.key_mismatch",
        "certificate",
    ),
    ({"certificate": CERT.cert, "private_key": "x"}, "key.malformed", "private_key"),
]


@pytest.mark.parametrize(("body", "code", "field"), WRONG)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    owner: Caller, body: dict[str, Any], code: str, field: str
) -> None:
    signed = LedgerEntry.objects.count()
    document = problem(owner.post(ROOT, **body), 400, code)
    assert list(document["errors"]) == [field]
    assert not ClientCertificate.objects.exists()
    assert LedgerEntry.objects.count() == signed
    assert "PRIVATE" not in str(document)


@pytest.mark.parametrize("word", ["csr", "batch", "stats", "CSR"])
def test_words_of_addresses_are_no_identifiers(owner: Caller, word: str) -> None:
    document = problem(owner.post(ROOT, common_name="x", identifier=word), 400, "client.reserved")
    assert list(document["errors"]) == ["identifier"]
    problem(owner.post(ROOT, common_name=word), 400, "client.reserved")
    assert not ClientCertificate.objects.exists()


def test_an_identifier_is_taken_once_and_a_common_name_makes_room(owner: Caller) -> None:
    factories.issued("jane")
    answer = owner.post(ROOT, common_name="x", identifier="Jane")
    assert list(problem(answer, 409, "client.exists")["errors"]) == ["identifier"]
    made = owner.post(ROOT, common_name="jane").json()
    assert made["identifier"].startswith("jane-")


@pytest.mark.parametrize("name", ["nobody", "a%00b", "%E2%80%AE", "x" * 300])
@pytest.mark.parametrize("kind", ["identities", "client-certificates"])
def test_an_unknown_name_is_not_found(owner: Caller, kind: str, name: str) -> None:
    problem(owner.get(f"/api/{kind}/{name}"), 404, "request.not_found")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"reason": "boredom"}, "revoke.reason", "reason"),
        ({"reason": "cACompromise"}, "revoke.reason", "reason"),
        ({"version": 9}, "version.unknown", "version"),
        ({"version": 0}, "request.invalid", "version"),
        ({"invalidity_at": "soon"}, "request.invalid", "invalidity_at"),
        ({"invalidity_at": "2999-01-01T00:00:00Z"}, "revoke.invalidity", "invalidity_at"),
        ({"nonsense": 1}, "request.unknown_field", "nonsense"),
    ],
)
def test_a_revocation_that_makes_no_sense(
    owner: Caller, body: dict[str, Any], code: str, field: str
) -> None:
    factories.issued("jane")
    document = problem(owner.post(f"{ROOT}/jane/revoke", **body), 400, code)
    assert list(document["errors"]) == [field]
    assert ClientCertificate.objects.get().state == "active"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"csr": "x"}, "csr.malformed", "csr"),
        ({"csr_der": "x"}, "csr.malformed", "csr_der"),
        ({"csr": CSR, "proof": "AA=="}, "renew.proof", "proof"),
        ({"same_key": 1}, "request.invalid", "same_key"),
        ({"nonsense": 1}, "request.unknown_field", "nonsense"),
    ],
)
def test_a_renewal_that_makes_no_sense(
    owner: Caller, body: dict[str, Any], code: str, field: str
) -> None:
    factories.issued("jane")
    document = problem(owner.post(f"{ROOT}/jane/renew", **body), 400, code)
    assert list(document["errors"]) == [field]
    assert ClientCertificate.objects.get().versions.count() == 1


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"name": "a b", "kind": "person"}, "name.invalid", "name"),
        ({"name": "jane"}, "request.invalid", "kind"),
        ({"name": "jane", "kind": "cat"}, "request.invalid", "kind"),
        ({"name": "jane", "kind": "iot", "email": "x"}, "request.invalid", "email"),
        ({"name": "jane", "kind": "iot", "subject": {"O": ""}}, "subject.invalid", "subject.O"),
        ({"name": "jane", "kind": "iot", "team": "nobody"}, "team.unknown", "team"),
        ({"name": "jane", "kind": "iot", "tags": [""]}, "request.invalid", "tags.0"),
        ({"name": "jane", "kind": "iot", "x": 1}, "request.unknown_field", "x"),
    ],
)
def test_an_identity_that_makes_no_sense(
    owner: Caller, body: dict[str, Any], code: str, field: str
) -> None:
    document = problem(owner.post("/api/identities", **body), 400, code)
    assert list(document["errors"]) == [field]
    assert not Identity.objects.exists()


def test_the_name_of_an_identity_is_unique_and_stays(owner: Caller) -> None:
    factories.identity("jane")
    problem(owner.post("/api/identities", name="JANE", kind="iot"), 409, "request.taken")
    document = problem(owner.patch("/api/identities/jane", name="x"), 400, "request.fixed")
    assert list(document["errors"]) == ["name"]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "name.invalid", "common_name"),
        ({"common_name": "jane", "subject": {"O": 1}}, "subject.invalid", "subject.O"),
        ({"common_name": "jane", "csr": CSR}, "request.unknown_field", "csr"),
        ({"common_name": "jane", "identifier": "csr"}, "client.reserved", "identifier"),
    ],
)
def test_a_csr_that_cannot_be_made(
    owner: Caller, body: dict[str, Any], code: str, field: str
) -> None:
    document = problem(owner.post(f"{ROOT}/csr/create", **body), 400, code)
    assert list(document["errors"]) == [field]
    assert not Enrolment.objects.exists()
