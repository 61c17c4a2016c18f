"""CSRs made here, requests that wait for approval, and who decides about them."""

import pytest
from django.contrib.auth.models import Group

from certmate.pki.keys import describe, load_private_key
from certmate.pki.requests import parse_request
from clients.models import ClientCertificate, ClientVersion, Enrolment
from providers.models import LedgerEntry
from tests import factories_clients as factories
from tests.access.four_eyes import AtBrowser, decider
from tests.caller import Answer, Caller, problem
from tests.clients.conftest import Crew
from tests.factories import profile_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("authority")]

ROOT = "/api/client-certificates"


@pytest.fixture
def careful(authority: object) -> None:
    """Requests under the default profile wait for approval."""
    profile_of("client", needs_approval=True)


@pytest.fixture
def operator(crew: Crew) -> Caller:
    return Caller(crew.operator)


@pytest.fixture
def approver(crew: Crew) -> Caller:
    return Caller(crew.approver)


def made(caller: Caller, **wish: object) -> Answer:
    answer = caller.post(f"{ROOT}/csr/create", **({"common_name": "jane"} | wish))
    assert answer.status_code == 201, answer.content
    return answer


def test_a_csr_is_made_and_its_key_is_told_once(operator: Caller) -> None:
    answer = made(operator, key_type="ec384", san={"email": ["jane@example.test"]})
    assert answer["Cache-Control"] == "no-store"
    told = answer.json()
    key = load_private_key(told["private_key"])
    asked = parse_request(told["csr"])
    assert asked.subject == {"CN": "jane"}
    assert asked.alt_names.email == ("jane@example.test",)
    assert asked.key == describe(key.public_key())
    assert asked.key.size == 384
    assert (told["state"], told["identifier"], told["certificate"]) == ("draft", "jane", None)
    assert told["may_decide"] is False
    again = operator.get(answer["Location"])
    assert again.json() == {k: v for k, v in told.items() if k != "private_key"}
    assert "PRIVATE" not in str(list(Enrolment.objects.values()))
    assert not ClientCertificate.objects.exists()


def test_it_is_submitted_and_issued_at_once(operator: Caller) -> None:
    told = made(operator).json()
    answer = operator.post(f"{told['url']}/submit")
    assert answer.status_code == 201, answer.content
    assert answer["Location"].endswith(f"{ROOT}/jane")
    assert (answer.json()["method"], answer.json()["has_private_key"]) == ("csr", False)
    shown = operator.get(told["url"]).json()
    assert (shown["state"], shown["certificate"]) == ("issued", "jane")
    problem(operator.post(f"{told['url']}/submit"), 409, "enrolment.submitted")
    assert ClientVersion.objects.count() == 1


def test_another_csr_can_be_submitted_instead(operator: Caller) -> None:
    told = made(operator).json()
    other = factories.csr(factories.key())
    document = problem(operator.post(f"{told['url']}/submit", csr="x"), 400, "csr.malformed")
    assert list(document["errors"]) == ["csr"]
    assert operator.post(f"{told['url']}/submit", csr=other).status_code == 201
    stored = operator.get(f"{ROOT}/jane/download/csr").content.decode()
    assert stored.split() == other.split()


def test_whoever_made_it_submits_it(crew: Crew, operator: Caller) -> None:
    told = made(operator).json()
    problem(Caller(crew.owner).post(f"{told['url']}/submit"), 403, "enrolment.other")
    problem(Caller(crew.outsider).post(f"{told['url']}/submit"), 404, "request.not_found")
    assert not ClientCertificate.objects.exists()


@pytest.mark.usefixtures("careful")
def test_a_request_waits_until_somebody_else_approves(operator: Caller, approver: Caller) -> None:
    signed = LedgerEntry.objects.count()
    told = made(operator).json()
    answer = operator.post(f"{told['url']}/submit")
    assert answer.status_code == 202, answer.content
    assert answer["Location"] == told["url"]
    waiting = answer.json()
    assert (waiting["state"], waiting["current_version"]) == ("pending", None)
    assert waiting["enrolment"]["state"] == "pending"
    assert waiting["metadata"]["serial_number"] is None
    assert LedgerEntry.objects.count() == signed
    problem(operator.get(f"{ROOT}/jane/download"), 404, "certificate.not_issued")
    assert approver.get(told["url"]).json()["may_decide"] is True
    done = approver.post(f"{told['url']}/approve", reason="Known to me.")
    assert done.status_code == 200, done.content
    shown = done.json()
    assert (shown["state"], shown["decided_by"]) == ("issued", "approver")
    assert (shown["reason"], shown["may_decide"]) == ("Known to me.", False)
    certificate = operator.get(f"{ROOT}/jane").json()
    assert (certificate["state"], certificate["enrolment"]) == ("active", None)
    problem(approver.post(f"{told['url']}/approve"), 409, "enrolment.ended")
    problem(approver.post(f"{told['url']}/reject", reason="Late."), 409, "enrolment.ended")


@pytest.mark.usefixtures("careful")
def test_a_request_without_a_csr_waits_too(operator: Caller, approver: Caller) -> None:
    answer = operator.post(ROOT, common_name="jane")
    assert answer.status_code == 202, answer.content
    enrolment = answer.json()["enrolment"]
    assert answer["Location"] == enrolment["url"]
    assert approver.post(f"{enrolment['url']}/approve").status_code == 200
    certificate = operator.get(f"{ROOT}/jane").json()
    assert (certificate["method"], certificate["has_private_key"]) == ("direct", True)


@pytest.mark.usefixtures("careful")
def test_a_request_is_rejected_with_a_reason(operator: Caller, approver: Caller) -> None:
    url = operator.post(ROOT, common_name="jane").json()["enrolment"]["url"]
    for body in ({}, {"reason": " "}, {"reason": 1}):
        document = problem(approver.post(f"{url}/reject", **body), 400, "request.invalid")
        assert list(document["errors"]) == ["reason"]
    shown = approver.post(f"{url}/reject", reason="Who is that?").json()
    assert (shown["state"], shown["certificate"]) == ("rejected", None)
    assert not ClientCertificate.objects.exists()
    assert operator.get(url).json()["reason"] == "Who is that?"


@pytest.mark.usefixtures("careful")
def test_nobody_decides_about_his_own_request(crew: Crew, operator: Caller) -> None:
    crew.operator.groups.add(Group.objects.get(name="approver"))
    both = Caller(crew.operator)
    url = both.post(ROOT, common_name="jane").json()["enrolment"]["url"]
    assert both.get(url).json()["may_decide"] is False
    # With the same token, with another of his, and with none.
    for caller in (both, Caller(crew.operator), Caller(crew.operator, "operate")):
        problem(caller.post(f"{url}/approve"), 403, "approval.own")
        problem(caller.post(f"{url}/reject", reason="No."), 403, "approval.own")
    browser = AtBrowser(crew.operator)
    by_session = browser.post(ROOT, common_name="john").json()["enrolment"]["url"]
    problem(browser.post(f"{by_session}/approve"), 403, "approval.own")
    assert not ClientVersion.objects.exists()
    assert Caller(decider()).post(f"{url}/approve").status_code == 200


@pytest.mark.usefixtures("careful")
def test_who_can_make_tokens_of_whoever_asked_decides_about_no_token(
    crew: Crew, operator: Caller
) -> None:
    owner = Caller(crew.owner)
    by_token = operator.post(ROOT, common_name="jane").json()["enrolment"]["url"]
    problem(owner.post(f"{by_token}/approve"), 403, "approval.own")
    in_person = AtBrowser(crew.operator).post(ROOT, common_name="john").json()["enrolment"]["url"]
    assert owner.post(f"{in_person}/approve").status_code == 200


@pytest.mark.usefixtures("careful")
def test_who_may_not_decide_is_refused(crew: Crew, operator: Caller) -> None:
    url = operator.post(ROOT, common_name="jane").json()["enrolment"]["url"]
    for what in ("approve", "reject"):
        path = f"{url}/{what}"
        problem(Caller(crew.auditor).post(path, nonsense=1), 403, "access.denied")
        problem(Caller(crew.outsider).post(path), 404, "request.not_found")
        problem(Caller(crew.approver, "read").post(path), 403, "access.denied")
        document = problem(
            Caller(crew.approver).post(path, reason="x", nonsense=1), 400, "request.unknown_field"
        )
        assert list(document["errors"]) == ["nonsense"]
    assert Enrolment.objects.get().state == "pending"


@pytest.mark.usefixtures("careful")
def test_whoever_lost_the_right_gets_nothing(
    crew: Crew, operator: Caller, approver: Caller
) -> None:
    url = operator.post(ROOT, common_name="jane").json()["enrolment"]["url"]
    crew.operator.groups.clear()
    problem(approver.post(f"{url}/approve"), 403, "access.withdrawn")
    assert not ClientVersion.objects.exists()


def test_requests_are_listed_without_their_csr(
    crew: Crew, operator: Caller, approver: Caller
) -> None:
    made(operator)
    made(operator, common_name="john")
    operator.post(f"{ROOT}/csr/{Enrolment.objects.latest('pk').pk}/submit")
    rows = operator.get(f"{ROOT}/csr").json()["results"]
    assert [row["identifier"] for row in rows] == ["john", "jane"]
    assert rows[0]["requested_by"] == "operator"
    assert rows[0]["requested_with"]
    assert "csr" not in rows[0]
    for query, expected in (("state=draft", "jane"), ("identifier=john", "john")):
        (row,) = approver.get(f"{ROOT}/csr?{query}").json()["results"]
        assert row["identifier"] == expected
    assert Caller(crew.outsider).get(f"{ROOT}/csr").json()["results"] == []
    problem(Caller(crew.outsider).get(rows[0]["url"]), 404, "request.not_found")
    problem(operator.get(f"{ROOT}/csr/4711"), 404, "request.not_found")
