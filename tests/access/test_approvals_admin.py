"""Approvals in the admin: what waits, deciding about it, and the rules' pages."""

from typing import Any

import pytest
from django.test import Client

from certificates.models import Certificate, Order
from certmate.access.models import Approval, ApprovalRule, Team
from certmate.access.services import approvals
from tests.access.four_eyes import approve, certificate, decider, revocation, rule, state
from tests.cast import PASSWORD, Cast
from tests.ui.pages import page, queries, signed_in, text, told

pytestmark = pytest.mark.django_db


def post(client: Client, url: str, **data: Any) -> Any:
    return client.post(url, data, follow=True)


def test_a_tool_that_waits_leads_to_the_request(cast: Cast) -> None:
    rule()
    mine = certificate()
    client = signed_in(cast.operator)
    response = post(client, page(mine, "revoke"), reason="superseded")
    approval = Approval.objects.get()
    assert response.redirect_chain[-1][0] == page(approval)
    assert "waits for approval by 1 of the role approver" in told(response)[0]
    html = text(response)
    for shown in ("Revoke a certificate", "www.example.test", "superseded", approval.digest):
        assert shown in html
    assert page(approval, "approve") not in html
    assert page(approval, "cancel") in html


def test_a_form_that_waits_leads_to_the_request(cast: Cast) -> None:
    rule("add")
    mine = certificate()
    data = {"names": "new.example.test", "ca": mine.ca_account_id, "challenge_type": "http-01"}
    response = post(signed_in(cast.owner), page(Certificate, "add"), key_type="ec256", **data)
    assert response.redirect_chain[-1][0] == page(Approval.objects.get())
    assert Certificate.objects.count() == 1


def test_deciding(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    client = signed_in(decider())
    assert "wait for your approval" in text(client.get("/admin/"))
    assert page(approval) in text(client.get(page(Approval, "changelist"), {"part": "decide"}))
    html = text(client.get(page(approval)))
    assert page(approval, "approve") in html
    assert page(approval, "cancel") not in html
    response = post(client, page(approval, "approve"), reason="Seen.")
    assert told(response) == ["Approved."]
    assert "Seen." in text(response)
    assert state(approval) == "approved"
    assert "wait for your approval" not in text(client.get("/admin/"))
    approvals.carry_out(approval.pk)
    assert str(Order.objects.get()) in text(client.get(page(approval)))


def test_rejecting_needs_a_reason(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    client = signed_in(decider())
    assert post(client, page(approval, "reject")).context["form"].errors
    assert told(post(client, page(approval, "reject"), reason="No.")) == ["Rejected."]
    assert "No." in text(signed_in(cast.operator).get(page(approval)))


def test_explaining_and_cancelling(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    client = signed_in(cast.operator)
    assert "The key leaked." in text(
        post(client, page(approval, "explain"), reason="The key leaked.")
    )
    post(client, page(approval, "cancel"))
    assert state(approval) == "cancelled"


def test_others_find_nothing(cast: Cast) -> None:
    rule()
    approval = revocation(cast.operator, certificate())
    client = signed_in(cast.outsider)
    assert client.get(page(approval)).status_code == 404
    assert client.post(page(approval, "approve")).status_code == 404
    assert "www.example.test" not in text(client.get(page(Approval, "changelist")))
    assert signed_in(cast.owner).post(page(approval, "approve")).status_code == 403
    assert state(approval) == "pending"


def test_of_many_those_that_wait_are_counted(cast: Cast) -> None:
    rule("renew")
    chosen = [certificate(f"n{number}.example.test").pk for number in range(3)]
    data = {"action": "renew_selected", "_selected_action": chosen}
    response = post(signed_in(cast.owner), page(Certificate, "changelist"), **data)
    assert told(response) == ["0 queued for renewal, 3 skipped: It waits for approval. (3 times)"]
    assert Approval.objects.count() == 3


def test_an_export_is_a_ticket(cast: Cast) -> None:
    rule("export_key")
    mine = certificate()
    client = signed_in(cast.owner)
    response = post(client, page(mine, "export_key"), password=PASSWORD)
    approval = Approval.objects.get()
    assert "Repeat the call then." in told(response)[0]
    approve(decider(), approval)
    assert "once now" in text(client.get(page(approval)))


def test_rules_are_added_changed_and_deleted(cast: Cast) -> None:
    anna = decider()
    certificate(team=Team.objects.create(name="web"))
    client = signed_in(cast.owner)
    role = anna.groups.get().pk
    data = {"name": "web-keys", "verb": "export_key", "role": role, "required": 1, "hours": 24}
    post(client, page(ApprovalRule, "add"), **data, target="access.team:web", is_enabled="on")
    made = ApprovalRule.objects.get()
    assert (made.target_repr, str(made.valid_for)) == ("web", "1 day, 0:00:00")
    assert "everything of team web" in text(client.get(page(made)))
    response = client.get(page(made))
    changed = {**response.context["form"].initial, "hours": 2, "is_enabled": ""}
    del changed["name"], changed["target_kind"], changed["valid_for"]
    post(client, page(made), **changed)
    made.refresh_from_db()
    assert (made.is_enabled, str(made.valid_for), made.target_repr) == (False, "2:00:00", "web")
    post(client, page(made, "delete"))
    assert not ApprovalRule.objects.exists()


def test_a_rule_that_makes_no_sense_is_an_error_of_its_field(cast: Cast) -> None:
    anna = decider()
    data = {"name": "x", "verb": "export_key", "kind": "auth.user", "role": anna.groups.get().pk}
    response = post(signed_in(cast.owner), page(ApprovalRule, "add"), required=1, hours=1, **data)
    assert list(response.context["form"].errors) == ["verb"]


def test_only_administrators_see_rules(cast: Cast) -> None:
    made = rule()
    assert signed_in(cast.operator).get(page(made)).status_code == 404
    assert signed_in(cast.operator).get(page(ApprovalRule, "add")).status_code == 403


@pytest.mark.parametrize("model", [Approval, ApprovalRule])
def test_lists_take_as_many_queries_for_many_rows(cast: Cast, model: type[Any]) -> None:
    anna = decider()

    def fill(count: int) -> None:
        for _ in range(count):
            rule()
            name = f"n{Certificate.objects.count()}.example.test"
            revocation(cast.operator, certificate(name))

    client = signed_in(cast.owner)
    fill(2)
    few = queries(client, page(model, "changelist"))
    fill(8)
    assert queries(client, page(model, "changelist")) == few
    assert signed_in(anna).get(page(Approval, "changelist")).status_code == 200
