"""Approvals as scripts and people meet them in the API."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from certificates.models import Certificate, Order
from certmate.access.models import Approval, ApprovalRule
from certmate.access.services import approvals
from certmate.pki.bundle import Bundle
from storage import services as storage
from tests import factories
from tests.access.four_eyes import AtBrowser, approve, certificate, decider, revocation, rule
from tests.caller import Caller, problem
from tests.cast import Cast

pytestmark = pytest.mark.django_db

REVOKE = "/api/certificates/www.example.test/revoke"


def pending(answer: Any) -> dict[str, Any]:
    """The request out of a 202."""
    assert answer.status_code == 202, answer.content
    document: dict[str, Any] = answer.json()["approval"]
    assert answer["Location"] == document["url"]
    return document


def test_a_call_that_waits_is_answered_with_where_to_look(cast: Cast) -> None:
    rule()
    certificate()
    caller = Caller(cast.operator, "operate")
    told = pending(caller.post(REVOKE, reason="keyCompromise"))
    assert told["what"] == "Revoke a certificate"
    assert told["params"]["reason"] == "keyCompromise"
    assert (told["state"], told["requested_by"]) == ("pending", "operator")
    assert told["requirements"] == [
        {"rule": "revoke-0", "role": "approver", "required": 1, "given": 0}
    ]
    assert pending(caller.post(REVOKE, reason="keyCompromise"))["id"] == told["id"]
    assert caller.get(f"/api/approvals/{told['id']}").json()["state"] == "pending"
    anna = AtBrowser(decider())
    answer = anna.post(f"/api/approvals/{told['id']}/approve", reason="Seen.")
    assert answer.json()["state"] == "approved"
    approvals.carry_out(told["id"])
    done = caller.get(f"/api/approvals/{told['id']}").json()
    assert (done["state"], done["result"]) == ("carried_out", str(Order.objects.get()))
    assert done["votes"][0]["reason"] == "Seen."


@pytest.mark.parametrize("call", ["create", "renew", "reissue", "revoke", "resume", "delete"])
def test_every_call_that_can_wait_says_so(cast: Cast, call: str) -> None:
    for verb in ("add", "renew", "revoke", "delete"):
        rule(verb)
    mine = certificate()
    if call == "resume":
        Certificate.objects.update(paused_at=mine.created_at)
    caller = Caller(cast.owner)
    path = "/api/certificates/www.example.test"
    if call == "create":
        body = {"domain": "new.example.test", "challenge_type": "http-01"}
        answer = caller.post("/api/certificates", **body)
    elif call == "delete":
        answer = caller.delete(f"{path}?force=1")
    elif call == "reissue":
        answer = caller.post(f"{path}/reissue", key_type="ec384")
    else:
        answer = caller.post(f"{path}/{call}")
    assert pending(answer)["operation"] == f"certificates.{call}"


def test_an_export_is_refused_until_it_is_approved(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle(cert="c\n", chain="", privkey="k\n", metadata={})
    monkeypatch.setattr(storage, "load", lambda **_: bundle)
    rule("export_key")
    certificate()
    caller = Caller(cast.operator, "operate")
    path = "/api/certificates/www.example.test/download"
    assert caller.get(f"{path}?format=json").json().keys().isdisjoint({"private_key_pem"})
    assert not Approval.objects.exists()
    document = problem(caller.get(f"{path}/privkey"), 403, "approval.needed")
    approval = Approval.objects.get()
    assert document["approval"].endswith(f"/api/approvals/{approval.pk}")
    assert caller.get(f"/api/approvals/{approval.pk}").json()["is_ticket"]
    approve(decider(), approval)
    assert caller.get(f"{path}/privkey").content == b"k\n"
    problem(caller.get(f"{path}/privkey"), 403, "approval.needed")


def test_lists_show_what_concerns_the_caller(cast: Cast) -> None:
    rule()
    mine = revocation(cast.operator, certificate())
    factories.certificate("b.example.test")
    anna, operator = AtBrowser(decider()), Caller(cast.operator)

    def ids(caller: Caller, query: str = "") -> list[int]:
        return [row["id"] for row in caller.get(f"/api/approvals{query}").json()["results"]]

    assert ids(anna) == ids(operator) == ids(Caller(cast.owner)) == [mine.pk]
    assert ids(Caller(cast.outsider)) == []
    assert ids(anna, "?to_decide=true") == [mine.pk]
    assert ids(anna, "?to_decide=false") == ids(anna, "?mine=true") == []
    assert ids(operator, "?mine=true") == [mine.pk]
    assert ids(operator, "?state=rejected") == []
    problem(anna.get("/api/approvals?mine=perhaps"), 400, "request.invalid")


def test_decisions_and_who_may_not_make_them(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    path = f"/api/approvals/{approval.pk}"
    anna, operator = AtBrowser(decider()), Caller(cast.operator, "operate")
    problem(Caller(cast.outsider).post(f"{path}/approve"), 404, "request.not_found")
    problem(operator.post(f"{path}/approve"), 403, "access.denied")
    problem(AtBrowser(cast.owner).post(f"{path}/approve"), 403, "approval.role")
    problem(Caller(cast.owner).post(f"{path}/approve"), 403, "approval.person")
    problem(anna.post(f"{path}/cancel"), 403, "access.denied")
    problem(anna.post(f"{path}/reject"), 400, "request.invalid")
    problem(anna.post(f"{path}/approve", strange=1), 400, "request.unknown_field")
    assert operator.patch(path, reason="The key leaked.").json()["reason"] == "The key leaked."
    assert anna.post(f"{path}/reject", reason="No.").json()["state"] == "rejected"
    problem(anna.post(f"{path}/approve"), 409, "approval.ended")
    problem(operator.post(f"{path}/cancel"), 409, "approval.ended")


def test_the_requester_cancels(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    operator = Caller(cast.operator, "operate")
    assert operator.post(f"/api/approvals/{approval.pk}/cancel").json()["state"] == "cancelled"


def test_a_member_with_the_right_to_ask_does_not_approve_of_himself(cast: Cast) -> None:
    rule()
    anna = decider()
    anna.user_permissions.add(Permission.objects.get(codename="revoke_certificate"))
    certificate()
    caller = AtBrowser(User.objects.get(pk=anna.pk))
    told = pending(caller.post(REVOKE))
    problem(caller.post(f"/api/approvals/{told['id']}/approve"), 403, "approval.own")


def test_lists_take_as_many_queries_for_many_rows(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    rule()
    for number in range(12):
        revocation(cast.operator, certificate(f"n{number}.example.test"))
    anna = Caller(decider())
    with django_assert_max_num_queries(16):
        assert len(anna.get("/api/approvals").json()["results"]) == 12


def test_rules_by_name(cast: Cast) -> None:
    decider()
    owner, path = Caller(cast.owner), "/api/approval-rules"
    answer = owner.post(path, name="revocations", verb="revoke", role="approver", valid_for=3600)
    assert answer.status_code == 201, answer.content
    assert answer.json()["kind"] == ""
    answer = owner.patch(f"{path}/revocations", kind="certificates.certificate", is_enabled=False)
    assert (answer.json()["kind"], answer.json()["valid_for"]) == ("certificates.certificate", 3600)
    problem(owner.post(path, name="r", verb="download", role="approver"), 400, "approval.rule_verb")
    assert Caller(cast.outsider).get(path).json()["results"] == []
    problem(Caller(cast.outsider).get(f"{path}/revocations"), 404, "request.not_found")
    rule("change")
    pending(owner.patch(f"{path}/revocations", is_enabled=True))
    assert not ApprovalRule.objects.get(name="revocations").is_enabled
    assert owner.delete(f"{path}/revocations").status_code == 204
